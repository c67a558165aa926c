"""Pieces written out: one row for every domain, each in its class."""

from __future__ import annotations

import numpy as np

from planner.solve.columns.master import CapacityClass
from planner.solve.columns.residual import Piece
from planner.solve.columns.rows import kind_of_domain, pieces_of, put, rows_of

CLASSES = [CapacityClass(2, 2), CapacityClass(3, 3)]


def piece(kind, widths, count=1):
    """A piece with these widths."""
    return Piece(kind, np.asarray(widths, np.int32), count)


def test_rows_lie_in_domains_of_their_class():
    """As many rows of each piece as it counts, empty rows where none is left."""
    kinds = kind_of_domain(CLASSES)
    assert kinds.tolist() == [0, 0, 1, 1, 1]
    rows = rows_of([piece(1, [1, 2], 2), piece(0, [2, 0]), piece(0, [0, 0])], kinds, 2)
    assert rows.tolist() == [[2, 0], [0, 0], [1, 2], [1, 2], [0, 0]]


def test_other_domains_keep_their_rows():
    """Pieces put into some domains empty those first and leave the rest alone."""
    kinds = kind_of_domain(CLASSES)
    rows = np.ones((5, 2), np.int32)
    put(rows, np.asarray([1, 3, 4]), [piece(0, [2, 0]), piece(1, [0, 3])], kinds)
    assert rows.tolist() == [[1, 1], [2, 0], [1, 1], [0, 3], [0, 0]]


def test_pieces_of_rows_are_these_rows():
    """Rows become pieces, equal ones of a class counted together and empty ones left out, and back."""
    rng = np.random.default_rng(5)
    kinds = np.repeat(np.arange(3), 6)
    rows = rng.integers(0, 2, (18, 2)).astype(np.int32)
    pieces = pieces_of(rows, kinds.astype(np.int32))
    assert len(pieces) == len(
        {(kind, *row) for kind, row in zip(kinds, rows.tolist(), strict=True) if any(row)}
    )
    back = rows_of(pieces, kinds, 2)
    for kind in range(3):
        mine = kinds == kind
        assert sorted(back[mine].tolist()) == sorted(rows[mine].tolist())
