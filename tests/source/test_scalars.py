"""Scalars of the core schema of YAML 1.2."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.source.scalars import resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-7", -7),
        ("+7", 7),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.", 1.0),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("2026-11-22", "2026-11-22"),
        ("+", "+"),
        (".", "."),
        ("tRue", "tRue"),
        ("<<", "<<"),
    ],
)
def test_values(text, value):
    """A plain scalar means what YAML 1.2 says and no more."""
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("9" * 5000, "Y005"),
        ("0x" + "f" * 5000, "Y005"),
        (".nan", "Y006"),
        (".inf", "Y006"),
        ("-.INF", "Y006"),
        ("1e999", "Y006"),
        ("-1e999", "Y006"),
    ],
)
def test_refused(text, code):
    """Numbers that are too long or not finite are refused."""
    with pytest.raises(InputError) as caught:
        resolve(text)
    assert caught.value.problems[0].code == code
