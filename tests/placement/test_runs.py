"""Compact forms of columns."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.placement.runs import (
    LARGEST,
    TooLargeError,
    different_rows,
    from_ranges,
    from_runs,
    gather_pieces,
    to_ranges,
    to_runs,
)


@given(st.lists(st.integers(0, 2)))
def test_runs_come_back(values):
    """A column and its runs say the same, and runs are as few as can be."""
    column = np.array(values, np.int32)
    kinds, counts = to_runs(column)
    assert from_runs(kinds, counts, np.int32).tolist() == values
    assert all(a != b for a, b in pairwise(kinds))


@given(st.lists(st.booleans()))
def test_ranges_come_back(values):
    """A mask and its ranges say the same."""
    mask = np.array(values, np.bool_)
    first, last = to_ranges(mask)
    assert from_ranges(first, last, len(values)).tolist() == values


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 1), st.sampled_from([0.5, 2.0]))))
def test_different_rows(rows):
    """Each row equals the one that is named for it, and those differ and stand first."""
    narrow = np.array([row[2:] for row in rows], np.float64).reshape(-1, 1)
    wide = np.array([row[:2] for row in rows], np.int32).reshape(-1, 2)
    first, kind = different_rows((wide, narrow))
    chosen = [rows[each] for each in first]
    assert [chosen[each] for each in kind] == rows
    assert len(set(chosen)) == len(chosen)
    assert [rows.index(row) for row in chosen] == first.tolist()


def test_columns_too_large_are_refused():
    """Counts that add up to too much are refused before any memory is taken."""
    with pytest.raises(TooLargeError):
        from_runs([0, 0], [LARGEST, 1], np.int32)


def test_pieces_one_after_another():
    """Pieces of 2 and 3 entries, laid out as 1, 0, 1."""
    found = gather_pieces(np.array([2, 3]), np.array([1, 0, 1], np.int32))
    assert found.tolist() == [2, 3, 4, 0, 1, 2, 3, 4]
