"""Compact forms of long columns: runs of equal values, ranges of indices, pieces of one shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Scalar = TypeVar("Scalar", bound=np.generic)

LARGEST = 4_000_000
"""Entries that a column may have once expanded: a small file must not fill the memory."""


class TooLargeError(ValueError):
    """A column expands to more than `LARGEST` entries."""


def run_starts(column: NDArray[np.generic]) -> NDArray[np.int64]:
    """Where each run of equal entries begins; `column` has shape (n,) or (n, width)."""
    if not len(column):
        return np.zeros(0, np.int64)
    differs = column[1:] != column[:-1]
    new = differs.any(axis=1) if differs.ndim > 1 else differs
    return np.flatnonzero(np.concatenate(([True], new)))


def to_runs(column: NDArray[np.generic]) -> tuple[list[float], list[int]]:
    """Values and counts of the runs of a column."""
    starts = run_starts(column)
    return column[starts].tolist(), np.diff(starts, append=len(column)).tolist()


def different_rows(
    columns: Sequence[NDArray[np.generic]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each different row of a table stands first, and which of these every row equals.

    Only the first row of each run of equal ones is looked at: it takes little where rows repeat.

    Parameters
    ----------
    columns
        The table in parts, each of shape (rows, width).
    """
    starts = np.unique(np.concatenate([run_starts(column) for column in columns]))
    table = np.concatenate([column[starts].astype(np.float64) for column in columns], axis=1)
    _, first, kind = np.unique(table, axis=0, return_index=True, return_inverse=True)
    return starts[first], np.repeat(kind.ravel(), np.diff(starts, append=len(columns[0])))


def from_runs(values: ArrayLike, counts: Sequence[int], dtype: type[Scalar]) -> NDArray[Scalar]:
    """The column of these runs.

    Raises
    ------
    ValueError
        Where there are not as many counts as values, or the column is too large.
    """
    column = np.asarray(values, dtype)
    if len(column) != len(counts):
        raise ValueError(f"{len(column)} values with {len(counts)} counts")
    require_size(sum(counts))
    return np.repeat(column, counts)


def to_ranges(mask: NDArray[np.bool_]) -> tuple[list[int], list[int]]:
    """First and last index of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False]))))
    return edges[::2].tolist(), (edges[1::2] - 1).tolist()


def from_ranges(first: Sequence[int], last: Sequence[int], size: int) -> NDArray[np.bool_]:
    """The mask of these ranges, which ascend and do not overlap, shape (size,).

    Raises
    ------
    ValueError
        Where they are no such ranges.
    """
    if len(first) != len(last):
        raise ValueError(f"{len(first)} firsts with {len(last)} lasts")
    edges = (
        np.column_stack((first, np.asarray(last, np.int64) + 1)).ravel() if first else np.zeros(0, np.int64)
    )
    if (np.diff(edges) <= 0).any():
        raise ValueError("ranges that do not ascend")
    if len(edges) and edges[-1] > size:
        raise ValueError(f"range up to {edges[-1] - 1} of {size} entries")
    steps = np.zeros(size + 1, np.int8)
    steps[edges[::2]] += 1
    steps[edges[1::2]] -= 1
    mask: NDArray[np.bool_] = np.cumsum(steps[:size]).astype(np.bool_)
    return mask


def gather_pieces(lengths: NDArray[np.int64], piece: NDArray[np.int32]) -> NDArray[np.int64]:
    """Indices that lay the pieces `piece` one after another.

    Parameters
    ----------
    lengths
        Length of each kind of piece, shape (kinds,); the pieces lie end to end in one array.
    piece
        Kind of each piece wanted, shape (pieces,).
    """
    starts = np.concatenate(([0], np.cumsum(lengths)))[:-1]
    wanted = lengths[piece]
    require_size(int(wanted.sum()))
    ends = np.cumsum(wanted)
    within = np.arange(int(wanted.sum())) - np.repeat(ends - wanted, wanted)
    indices: NDArray[np.int64] = np.repeat(starts[piece], wanted) + within
    return indices


def require_size(entries: int) -> None:
    """Refuse a column of more than `LARGEST` entries."""
    if entries > LARGEST:
        raise TooLargeError(f"{entries:,} entries, more than {LARGEST:,}")
