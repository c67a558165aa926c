"""Quantities: reading and writing them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from planner.errors import InputError
from planner.units import (
    Bandwidth,
    format_bandwidth,
    format_bytes,
    format_count,
    format_seconds,
    parse_bandwidth,
    parse_bytes,
    parse_seconds,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("400 Gb/s", 50e9),
        ("400Gb/s", 50e9),
        ("400 Gbit/s", 50e9),
        ("400 Gbps", 50e9),
        ("50 GB/s", 50e9),
        ("1.6 TB/s", 1.6e12),
        ("1e3 MB/s", 1e9),
        (".5 kB/s", 500.0),
        ("1 GiB/s", 2.0**30),
        ("8 b/s", 1.0),
    ],
)
def test_bandwidths(text, value):
    """Bits and bytes a second, decimal and binary."""
    assert parse_bandwidth(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("288 GB", 288e9),
        ("16 MiB", 2.0**24),
        ("7", 7.0),
        (7, 7.0),
        (7.5, 7.5),
        ("95 GiB", 95 * 2.0**30),
        (0, 0.0),
    ],
)
def test_bytes(text, value):
    """Bytes may be a quantity or a number."""
    assert parse_bytes(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("10s", 10.0), ("2 us", 2e-6), ("2 \u00b5s", 2e-6), ("5 min", 300.0), ("1 h", 3600.0), ("3ms", 3e-3)],
)
def test_seconds(text, value):
    """Times with their units."""
    assert parse_seconds(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("parse", "value", "code"),
    [
        (parse_bandwidth, 400, "V006"),
        (parse_bandwidth, "400", "V006"),
        (parse_bandwidth, "400 gb/s", "V007"),
        (parse_bandwidth, "400 GB", "V007"),
        (parse_bandwidth, "fast", "V007"),
        (parse_bandwidth, None, "V007"),
        (parse_bandwidth, True, "V007"),
        (parse_bandwidth, [], "V007"),
        (parse_bandwidth, "0 GB/s", "V008"),
        (parse_bandwidth, "-1 GB/s", "V008"),
        (parse_bandwidth, "1e999 GB/s", "V007"),
        (parse_bandwidth, "1" * 5000 + " GB/s", "V007"),
        (parse_bytes, "8 Gb", "V007"),
        (parse_bytes, -1, "V008"),
        (parse_bytes, float("nan"), "V007"),
        (parse_bytes, float("inf"), "V007"),
        (parse_bytes, False, "V007"),
        (parse_seconds, 10, "V006"),
        (parse_seconds, "10", "V006"),
        (parse_seconds, "10 S", "V007"),
        (parse_seconds, "-1 s", "V008"),
    ],
)
def test_refused(parse, value, code):
    """What is no quantity is refused with a code and what was expected."""
    with pytest.raises(InputError) as caught:
        parse(value)
    assert caught.value.problems[0].code == code
    assert caught.value.problems[0].expected


def test_suggestions():
    """A bare number is told a unit; wrong case is told the units it may stand for."""
    with pytest.raises(InputError) as bare:
        parse_bandwidth(400)
    assert bare.value.problems[0].suggestion == "'400 GB/s', if that is meant"
    with pytest.raises(InputError) as case:
        parse_bandwidth("400 gb/s")
    assert case.value.problems[0].suggestion == "'400 GB/s' or '400 Gb/s'"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (format_bandwidth(7.2e12), "7.2 TB/s"),
        (format_bandwidth(50e9), "50 GB/s"),
        (format_bytes(0), "0 B"),
        (format_bytes(1234), "1.234 kB"),
        (format_bytes(999.99996e9), "1 TB"),
        (format_bytes(3.5e22), "35000 EB"),
        (format_seconds(0), "0 s"),
        (format_seconds(1.25e-3), "1.25 ms"),
        (format_seconds(90), "90 s"),
        (format_seconds(150), "2.5 min"),
        (format_seconds(7200), "2 h"),
        (format_count(220032), "220,032"),
    ],
)
def test_written_for_people(text, written):
    """Four digits and the largest unit that leaves one before the point."""
    assert text == written


@given(st.floats(1, 9e17))
def test_bandwidth_round_trip(value):
    """What is written reads back to within the four digits shown."""
    assert parse_bandwidth(format_bandwidth(value)) == pytest.approx(value, rel=1e-3)


@given(st.floats(1, 1e20))
def test_bytes_round_trip(value):
    """What is written reads back to within the four digits shown."""
    assert parse_bytes(format_bytes(value)) == pytest.approx(value, rel=1e-3)


@given(st.floats(1e-9, 1e7))
def test_seconds_round_trip(value):
    """What is written reads back to within the four digits shown."""
    assert parse_seconds(format_seconds(value)) == pytest.approx(value, rel=1e-3)


def test_annotated_type_keeps_code_and_advice():
    """In a model the error of a quantity keeps its own code and suggestion."""
    adapter = TypeAdapter(Bandwidth)
    assert adapter.validate_python("8 b/s") == 1.0
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(5)
    details = caught.value.errors()[0]
    assert details["type"] == "V006"
    assert details["ctx"]["suggestion"] == "'5 GB/s', if that is meant"
    assert adapter.json_schema()["type"] == "string"


@pytest.mark.parametrize("text", ["1e308 B/s", "1.1 EB/s", "1e-320 B/s", "1 b/s"])
def test_bandwidths_out_of_range(text):
    """What no link has is refused, before sums of it could overflow."""
    with pytest.raises(InputError) as caught:
        parse_bandwidth(text)
    assert caught.value.problems[0].code == "V005"


def test_too_many_bytes():
    """Payloads and memories end at 1e21 bytes."""
    assert parse_bytes("1000 EB") == 1e21
    with pytest.raises(InputError) as caught:
        parse_bytes(1e22)
    assert caught.value.problems[0].code == "V005"


@pytest.mark.parametrize(
    ("value", "message"),
    [(None, "nothing is"), (True, "true is"), ([1], "a list is"), ({}, "a mapping is"), ("x", "'x' is")],
)
def test_messages_speak_yaml(value, message):
    """A message calls a value what its author would."""
    with pytest.raises(InputError) as caught:
        parse_bandwidth(value)
    assert caught.value.problems[0].message == f"{message} not a quantity"


def test_no_suggestion_of_a_negative_time():
    """A unit is proposed only where it would help."""
    with pytest.raises(InputError) as caught:
        parse_seconds("-1")
    assert caught.value.problems[0].suggestion is None
