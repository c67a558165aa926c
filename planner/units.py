"""Quantities with units: read from text, and written for people.

Inside the planner everything is bytes, bytes per second and seconds, as floats.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from planner.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFIXES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}
BYTES = {f"{prefix}B": factor for prefix, factor in (PREFIXES | BINARY).items()}
BANDWIDTHS = {f"{unit}{per}": factor for unit, factor in BYTES.items() for per in ("/s", "ps")} | {
    f"{prefix}{bit}": factor / 8
    for prefix, factor in (PREFIXES | BINARY).items()
    for bit in ("b/s", "bit/s", "bps")
}
SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "\u00b5s": 1e-6,
    "\u03bcs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}

_QUANTITY = re.compile(
    r"\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*([A-Za-z/\u00b5\u03bc]*)\s*\Z"
)
LONGEST = 100
# What lies beyond is a slip of the pen, and sums and ratios of it would leave the range of floats.
LEAST_BANDWIDTH, LARGEST_BANDWIDTH = 1.0, 1e18
LARGEST_BYTES = 1e21


def parse_bandwidth(value: object) -> float:
    """Bytes per second of a text such as ``400 Gb/s`` or ``50 GB/s``, from 1 B/s to 1 EB/s.

    Raises
    ------
    InputError
        V005 for one out of range, V006 for a bare number, V007 for what is no bandwidth, V008 where
        it is not above 0.
    """
    number = _parse(value, BANDWIDTHS, "a bandwidth with its unit, such as 400 Gb/s or 50 GB/s", "GB/s")
    if number <= 0:
        raise InputError.of("V008", f"a bandwidth of {value} moves nothing", expected="a bandwidth above 0")
    if not LEAST_BANDWIDTH <= number <= LARGEST_BANDWIDTH:
        raise InputError.of(
            "V005", f"{value} is no bandwidth of a machine", expected="a bandwidth from 1 B/s to 1 EB/s"
        )
    return number


def parse_bytes(value: object) -> float:
    """Bytes of a text such as ``288 GB`` or ``16 MiB``, or of a plain number; from 0 to 1e21.

    Raises
    ------
    InputError
        V005 for more, V007 for what is no number of bytes, V008 where it is negative.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = _finite(float(value), value)
    else:
        number = _parse(value, BYTES, "bytes, such as 1048576, 288 GB or 16 MiB", None)
    if number > LARGEST_BYTES:
        raise InputError.of("V005", f"{value} is too many bytes", expected="at most 1000 EB")
    return _not_negative(number, value)


def parse_seconds(value: object) -> float:
    """Seconds of a text such as ``10s``, ``2 us`` or ``5 min``; must not be negative.

    Raises
    ------
    InputError
        V006 for a bare number, V007 for what is no time, V008 where it is negative.
    """
    return _not_negative(_parse(value, SECONDS, "a time with its unit, such as 10 s or 2 us", "s"), value)


def _parse(value: object, units: Mapping[str, float], expected: str, bare: str | None) -> float:
    """`value` times its unit; `bare` is the unit to propose for a number that has none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = f"{value}"
    match = _QUANTITY.match(value) if isinstance(value, str) and len(value) <= LONGEST else None
    if match is None:
        raise InputError.of("V007", f"{_short(value)} is not a quantity", expected=expected)
    number, unit = match.groups()
    if not unit and bare:
        raise InputError.of(
            "V006",
            f"{number} has no unit",
            expected=expected,
            suggestion=None if number.startswith("-") else f"'{number} {bare}', if that is meant",
        )
    if unit not in units and unit:
        raise InputError.of(
            "V007", f"unknown unit {unit!r}", expected=expected, suggestion=_nearest(unit, units, number)
        )
    return _finite(float(number) * units.get(unit, 1.0), value)


def _nearest(unit: str, units: Mapping[str, float], number: str) -> str | None:
    """The units that `unit` could stand for, were it not for upper and lower case or a missing /s."""
    same = [known for known in units if unit.lower() in (known.lower(), known.lower().removesuffix("/s"))]
    return " or ".join(f"'{number} {known}'" for known in same if not known.endswith("ps")) or None


def _finite(number: float, value: object) -> float:
    if not math.isfinite(number):
        raise InputError.of("V007", f"{_short(value)} is not finite", expected="a finite quantity")
    return number


def _not_negative(number: float, value: object) -> float:
    if number < 0:
        raise InputError.of("V008", f"{value} is negative", expected="a quantity of 0 or more")
    return number


def _short(value: object) -> str:
    """`value` as an author would call it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case list() | dict():
            return "a list" if isinstance(value, list) else "a mapping"
    text = repr(value) if isinstance(value, str) else f"{value}"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def format_bandwidth(bytes_per_s: float) -> str:
    """Bytes per second for people, such as ``7.2 TB/s``; four digits."""
    return f"{format_bytes(bytes_per_s)}/s"


def format_bytes(number: float) -> str:
    """Bytes for people, in powers of 1000, such as ``1.5 GB``; four digits."""
    return _scaled(number, [(factor, f"{prefix}B") for prefix, factor in PREFIXES.items() if prefix != "K"])


def format_seconds(seconds: float) -> str:
    """Seconds for people, from ``ns`` to ``h``; four digits."""
    if abs(seconds) >= 120:
        return _scaled(seconds, [(60.0, "min")] if abs(seconds) < 7200 else [(3600.0, "h")])
    return _scaled(seconds, [(1e-9, "ns"), (1e-6, "us"), (1e-3, "ms"), (1.0, "s")])


def format_count(number: int) -> str:
    """A count with thousands separated, such as ``220,032``."""
    return f"{number:,}"


def _scaled(number: float, steps: list[tuple[float, str]]) -> str:
    """`number` in the largest step that leaves at least 1 before the point, rounding considered."""
    if number == 0:
        return f"0 {steps[-1][1] if steps[-1][1] in ('s', 'min', 'h') else steps[0][1]}"
    factor, unit = steps[0]
    for larger, name in steps[1:]:
        if float(f"{abs(number) / larger:.4g}") >= 1:
            factor, unit = larger, name
    scaled = number / factor
    return f"{scaled:.0f} {unit}" if 1e4 <= abs(scaled) < 1e6 else f"{scaled:.4g} {unit}"


def _authored(parse: Callable[[object], float]) -> BeforeValidator:
    """`parse` as a pydantic validator that keeps code, expectation and suggestion."""

    def convert(value: object) -> float:
        try:
            return parse(value)
        except InputError as error:
            problem = error.problems[0]
            raise PydanticCustomError(
                problem.code,
                "{message}",
                {"message": problem.message, "expected": problem.expected, "suggestion": problem.suggestion},
            ) from error

    return BeforeValidator(convert)


Bandwidth = Annotated[
    float,
    _authored(parse_bandwidth),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\s*[0-9.eE+-]+\s*[kKMGTPE]?i?(b|bit|B)(/s|ps)\s*$",
            "examples": ["400 Gb/s"],
        }
    ),
]
Bytes = Annotated[
    float,
    _authored(parse_bytes),
    WithJsonSchema(
        {
            "type": ["number", "string"],
            "pattern": r"^\s*[0-9.eE+-]+\s*([kKMGTPE]?i?B)?\s*$",
            "examples": ["288 GB"],
        }
    ),
]
Seconds = Annotated[
    float,
    _authored(parse_seconds),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\s*[0-9.eE+-]+\s*(ns|us|\u00b5s|ms|s|min|h)\s*$",
            "examples": ["2 us"],
        }
    ),
]
