"""Rounded rows of the relaxation over all tiers, and what a programme passes on to the next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.columns.master import Rounding, fractions
from planner.solve.joint.joint_duals import added, scaled
from planner.solve.joint.pools import WHOLE_JOB

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.solve.joint.fold import Fold
    from planner.solve.joint.joint_duals import Sizes
    from planner.solve.joint.pools import Pool

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

Row = tuple[int, Rounding]
# In place of a class of stages: all of them, so that a row is about how many cells a vector has.
ALL = -1
# Beyond a dozen of parts of one alone: see `planner.solve.columns.master.fractions`.
LARGEST_DENOMINATOR = 24
BROKEN = 1e-5


@dataclass(frozen=True)
class Start:
    """What a programme begins with.

    Parameters
    ----------
    vectors
        Levels and vectors.
    rows
        Rounded rows, each with the level whose domains lie inside of it.
    worth, shares
        Duals: for each level what every width of what its domains hold is worth, shape (P, N + 1), and which
        part of its own costs is priced; nothing where none are known.
    fold
        The classes of stages that the rows are of; None where there are no rows.
    sizes
        Duals of rows about all cells of a vector, for each level.
    """

    vectors: tuple[tuple[int, IntArray], ...] = ()
    rows: tuple[tuple[int, Rounding], ...] = ()
    worth: tuple[FloatArray, ...] = ()
    shares: tuple[float, ...] = ()
    fold: Fold | None = None
    sizes: tuple[Sizes, ...] = ()

    def weighted(self, weight: float) -> Start:
        """The same where every byte costs so much more."""
        worth = tuple(weight * table for table in self.worth)
        return replace(self, worth=worth, sizes=tuple(scaled(weight, each) for each in self.sizes))

    def rows_of(self, fold: Fold) -> Iterator[tuple[int, Rounding]]:
        """The rows of other classes of stages: each of all classes that have stages of its own."""
        known = fold if self.fold is None else self.fold
        for level, row in self.rows:
            if row.stage == ALL:
                yield level, row
                continue
            for each in np.unique(fold.of_stage[known.of_stage == row.stage]).tolist():
                yield level, replace(row, stage=each)

    @classmethod
    def apart(cls, each: Sequence[Start]) -> Start:
        """What all levels together begin with, given what each needs alone, innermost first.

        Rows, all of the same classes of stages, that say how many whole parts the job has are needed between
        all tiers outside as well, where they say that what holds for the job holds for what those contain.
        Domains of a level are worth what they save there and at the levels inside.
        """
        levels = range(len(each))
        vectors = tuple((index, widths) for index in levels for _, widths in each[index].vectors)
        rows = tuple(
            (around, rounding)
            for index in levels
            for _, rounding in each[index].rows
            for around in levels[index:]
        )
        fold = next((start.fold for start in each if start.fold is not None), None)
        if not all(start.worth for start in each):
            return cls(vectors, tuple(dict.fromkeys(rows)), fold=fold)
        worth = accumulate(start.worth[0] for start in each)
        shares = (1.0,) * len(each)
        sizes = accumulate((start.sizes[0] if start.sizes else {} for start in each), added)
        return cls(vectors, tuple(dict.fromkeys(rows)), tuple(worth), shares, fold, tuple(sizes))


@dataclass
class RoundedRows:
    """The rounded rows of a programme, and the entries of a new column in all of them at once.

    Parameters
    ----------
    fold
        Stages that share rows.
    rows
        Index in the linear programme of each row, by its group and rounding.
    """

    fold: Fold
    rows: dict[Row, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._table = np.zeros((0, 5), np.int32)
        self._late: list[tuple[int, int, int, int, int]] = []

    def __len__(self) -> int:
        return len(self.rows)

    def append(self, group: int, rounding: Rounding, row: int) -> None:
        """Take note of a row."""
        self.rows[group, rounding] = row
        self._late.append((group, rounding.stage, rounding.numerator, rounding.denominator, row))

    def parts(self, row: Rounding, widths: IntArray) -> IntArray:
        """What vectors, shape (vectors, P), have in a row, shape (vectors,)."""
        if row.stage == ALL:
            whole: IntArray = row.of(widths.sum(axis=1))
            return whole
        each: IntArray = row.of(widths[:, self.fold.of_stage == row.stage]).sum(axis=1)
        return each

    def least(self, row: Rounding, replicas: int) -> float:
        """What all domains have together in a row at least, for a job of so many replicas."""
        if row.stage == ALL:
            return float(row.of(len(self.fold.of_stage) * replicas))
        return float(self.fold.sizes[row.stage] * row.of(replicas))

    def of(self, pool: Pool, widths: IntArray) -> tuple[IntArray, FloatArray]:
        """Rows that a vector of a pool enters, and its entries there."""
        if self._late:
            self._table = np.concatenate((self._table, np.asarray(self._late, np.int32)))
            self._late = []
        group, stage, numerator, denominator, row = self._table.T
        sign = (group == pool.outer) * 1.0
        if pool.own is not None:
            sign -= group == pool.own
        held = np.flatnonzero(widths)
        parts = -(-widths[held] * numerator[:, None] // denominator[:, None])
        entries = sign * (parts * (self.fold.of_stage[held] == stage[:, None])).sum(axis=1)
        whole = stage == ALL
        entries[whole] = sign[whole] * -(-int(widths.sum()) * numerator[whole] // denominator[whole])
        entered = np.flatnonzero(entries)
        return row[entered], entries[entered]


def broken_rows(
    group: int, widths: IntArray, amounts: FloatArray, fold: Fold, replicas: int, rooms: Sequence[int] | None
) -> Iterator[tuple[float, Row]]:
    """Rounded rows of a group that amounts of vectors break, and by how much.

    Parameters
    ----------
    widths, amounts
        Vectors in use, shape (vectors, P), and how often, shape (vectors,); those outside negative.
    rooms
        Of the domains inside; None where no row may be about all cells of a vector.
    """
    tried = fractions(min(replicas, LARGEST_DENOMINATOR))
    for numerator, denominator in tried:
        short = fold.summed(-amounts @ -(-widths * numerator // denominator))
        if group == WHOLE_JOB:
            short = short - fold.sizes * (-replicas * numerator // denominator)
        for stage in np.flatnonzero(short > BROKEN).tolist():
            yield float(short[stage]), (group, Rounding(stage, numerator, denominator))
    held = widths.sum(axis=1)
    # How many domains are needed, beside the fractions that are tried for each class.
    needed = [] if rooms is None else [*tried, *((1, room) for room in rooms if room > 1)]
    for numerator, denominator in dict.fromkeys(needed):
        row = Rounding(ALL, numerator, denominator)
        missing = -float(amounts @ row.of(held))
        if group == WHOLE_JOB:
            missing += row.of(widths.shape[1] * replicas)
        if missing > BROKEN:
            yield missing, (group, row)
