"""What a scalar means in the core schema of YAML 1.2.

There ``012`` is twelve, ``yes`` and ``12:30`` are text, and ``0o17`` is fifteen.
"""

from __future__ import annotations

import math
import re

from planner.errors import InputError

Scalar = str | int | float | bool | None

MOST_DIGITS = 40

_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")


def resolve(text: str) -> Scalar:
    """The value of a plain scalar.

    Raises
    ------
    InputError
        Y005 for a number of more than `MOST_DIGITS` digits, Y006 for one that is not finite.
    """
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if text[0] not in "+-.0123456789":
        return text
    for pattern, base in ((_INT, 10), (_OCTAL, 8), (_HEX, 16)):
        if pattern.match(text):
            return _integer(text, base)
    if _NOT_FINITE.match(text):
        raise _endless(text)
    return _real(text) if _FLOAT.match(text) else text


def _integer(text: str, base: int) -> int:
    if len(text) > MOST_DIGITS:
        raise InputError.of(
            "Y005", f"a number of {len(text)} digits", expected=f"at most {MOST_DIGITS} digits"
        )
    return int(text if base == 10 else text[2:], base)


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _endless(text)
    return number


def _endless(text: str) -> InputError:
    return InputError.of("Y006", f"{text[:MOST_DIGITS]} is not a finite number", expected="a finite number")
