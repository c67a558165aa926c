"""Bandwidths as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.formats.site.quantities import bandwidth
from planner.units import LARGEST_BANDWIDTH, LEAST_BANDWIDTH, parse_bandwidth


@given(st.floats(LEAST_BANDWIDTH, LARGEST_BANDWIDTH), st.booleans())
def test_it_reads_back(bytes_per_s, bits):
    """As the same number, but for rounding of no account."""
    assert parse_bandwidth(bandwidth(bytes_per_s, bits=bits)) == pytest.approx(bytes_per_s, rel=1e-9)


def test_good_units():
    """NICs in bits, the rest in bytes, with few digits."""
    assert bandwidth(50e9, bits=True) == "400 Gb/s"
    assert bandwidth(1.25e9, bits=True) == "10 Gb/s"
    assert bandwidth(450e9) == "450 GB/s"
    assert bandwidth(57.6e12) == "57.6 TB/s"
    assert bandwidth(1.0) == "1 B/s"
