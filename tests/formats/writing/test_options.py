"""What exporters can be told."""

from __future__ import annotations

import pytest

from planner.errors import UsageError
from planner.formats.writing.options import COMMAND, PORT, Option, chosen

VERSION = Option("version", "5", "major version", choices=("4", "5"))
ALL = (COMMAND, PORT, VERSION)


def test_defaults_and_given_values():
    """Each option has a value: what was given, else its default; only the first = splits."""
    assert chosen("x", ALL, []) == {"command": "python train.py", "port": "29500", "version": "5"}
    assert chosen("x", ALL, ["command=a --b=c"])["command"] == "a --b=c"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("prot=1", "E001"),
        ("", "E001"),
        ("port", "E002"),
        ("port=0", "E002"),
        ("port=65536", "E002"),
        ("port=٣", "E002"),
        ("port=", "E002"),
        ("version=6", "E002"),
        ("command=", "E002"),
        ("command=python 'train.py", "E002"),
        ("command=a\nb", "E002"),
    ],
)
def test_what_cannot_be_is_refused(given, code):
    """Unknown names and impossible values have their codes."""
    with pytest.raises(UsageError) as caught:
        chosen("x", ALL, [given])
    assert caught.value.problems[0].code == code


def test_twice_is_refused():
    """Which of two values is meant cannot be known."""
    with pytest.raises(UsageError, match="given twice"):
        chosen("x", ALL, ["port=1", "port=2"])


def test_near_names_are_suggested():
    """A slip of the finger is told from an option of another format."""
    with pytest.raises(UsageError, match="did you mean 'port'"):
        chosen("x", ALL, ["prot=1"])
    with pytest.raises(UsageError, match="no option at all"):
        chosen("csv", (), ["port=1"])
