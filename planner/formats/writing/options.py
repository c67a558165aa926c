"""What an exporter can be told: ``--option name=value``, refused before anything is written."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Option:
    """One thing that an exporter can be told.

    Parameters
    ----------
    name
        What stands before the ``=``.
    default
        Its value where none is given; empty for none.
    about
        What it does, as a phrase for the reference.
    choices
        The values there are; empty where any will do.
    numbers
        Least and largest value of a whole number; None for text.
    """

    name: str
    default: str
    about: str
    choices: tuple[str, ...] = ()
    numbers: tuple[int, int] | None = None

    @property
    def expected(self) -> str:
        """What may stand after the ``=``, in words."""
        if self.numbers:
            return f"a whole number from {self.numbers[0]} to {self.numbers[1]}"
        return ", ".join(self.choices) or "text on one line"

    def allows(self, value: str) -> bool:
        """Whether `value` may stand after the ``=``."""
        if self.numbers:
            least, most = self.numbers
            return value.isascii() and value.isdigit() and len(value) < 20 and least <= int(value) <= most
        return value in self.choices if self.choices else value.isprintable()


COMMAND = Option(
    "command", "python train.py", "what every rank runs, as a shell would read it; the scripts also take it"
)
PORT = Option(
    "port", "29500", "port on which the ranks first meet, on the host of rank 0", numbers=(1, 65535)
)


def chosen(to: str, options: Sequence[Option], given: Iterable[str]) -> dict[str, str]:
    """A value for each of the `options` of format `to`, from what was `given` as ``name=value``.

    Raises
    ------
    UsageError
        ``E001`` for an option that the format does not have, ``E002`` for a value it cannot take.
    """
    known = {option.name: option for option in options}
    values: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if name not in known:
            raise _unknown(to, name, list(known))
        if not equals or name in values:
            what = f"{name} is given twice" if equals else f"{name} has no value"
            raise UsageError.of("E002", f"--option {what}", expected=f"{name}=VALUE, once")
        values[name] = _value(known[name], value)
    return {name: values.get(name, option.default) for name, option in known.items()}


def refuse_idle(options: Sequence[Option], values: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Refuse what was given but would not be looked at.

    Parameters
    ----------
    wanted
        What each option that is idle goes with, by its name.

    Raises
    ------
    UsageError
        ``E002`` for an idle option with a value that is not its default.
    """
    for option in options:
        if option.name in wanted and values[option.name] != option.default:
            raise UsageError.of(
                "E002",
                f"--option {option.name} has no effect here",
                expected=f"it with {wanted[option.name]} alone",
            )


def _unknown(to: str, name: str, known: list[str]) -> UsageError:
    return UsageError.of(
        "E001",
        f"format {to} has no option {name!r}",
        expected=f"one of {', '.join(known)}" if known else "no option at all",
        suggestion=did_you_mean(name, known),
    )


def _value(option: Option, value: str) -> str:
    if not option.allows(value):
        raise UsageError.of("E002", f"--option {option.name}: {value!r} cannot be", expected=option.expected)
    if option is COMMAND:
        _require_words(value)
    return value


def _require_words(command: str) -> None:
    """Refuse what a shell could not read as words."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError.of(
            "E002", f"--option command: {str(error).lower()}", expected="a command as a shell reads it"
        ) from None
    if not words:
        raise UsageError.of("E002", "--option command is empty", expected="such as python train.py")
