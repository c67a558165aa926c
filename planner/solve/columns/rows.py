"""Pieces, which count equal domains, written out as the width vector of every domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.columns.residual import Piece

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from planner.solve.columns.master import CapacityClass

    IndexArray = NDArray[np.int64]
    IntArray = NDArray[np.int32]


def kind_of_domain(classes: Sequence[CapacityClass]) -> IndexArray:
    """The class of every domain, those of one class in a row, shape (domains,)."""
    return np.repeat(np.arange(len(classes)), [k.count for k in classes])


def rows_of(pieces: Iterable[Piece], kinds: IndexArray, stages: int) -> IntArray:
    """The width vector of every domain, empty where no piece is left for it, shape (domains, P)."""
    rows = np.zeros((len(kinds), stages), np.int32)
    put(rows, np.arange(len(kinds)), pieces, kinds)
    return rows


def pieces_of(rows: IntArray, kinds: IntArray) -> list[Piece]:
    """The width vectors of all domains, shape (domains, P), as pieces, equal ones of a class together."""
    alike, count = np.unique(np.column_stack((kinds, rows)), axis=0, return_counts=True)
    return [
        Piece(int(kind), widths.astype(np.int32), int(n))
        for (kind, *_), widths, n in zip(alike, alike[:, 1:], count, strict=True)
        if widths.any()
    ]


def put(rows: IntArray, domains: IndexArray, pieces: Iterable[Piece], kinds: IndexArray) -> None:
    """Give some domains the pieces, each to those of its class, and nothing else."""
    rows[domains] = 0
    mine = kinds[domains]
    free = {kind: domains[mine == kind].tolist() for kind in np.unique(mine).tolist()}
    for piece in pieces:
        if piece.widths.any():
            taken, free[piece.kind] = free[piece.kind][: piece.count], free[piece.kind][piece.count :]
            rows[taken] = piece.widths
