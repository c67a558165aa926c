"""The space of strategies as columns, so that all of them are looked at together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from planner.strategy.space import Question, Strategy, strategies
from planner.strategy.watch import UNWATCHED, Watch
from planner.workload.job import Recompute, Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]

SCHEDULES, RECOMPUTES = tuple(Schedule), tuple(Recompute)


@dataclass(frozen=True, eq=False)
class Columns:
    """All strategies of a question.

    Parameters
    ----------
    rows
        The strategies, in the order of the space.
    values
        The same as numbers, of shape (9, strategies): schedule and recomputation as their places among all.
    microbatches
        Microbatches of a replica in a step, shape (strategies,).
    watch
        Looks after whatever goes through the groups of the strategies.
    """

    rows: list[Strategy]
    values: IntArray
    microbatches: IntArray
    watch: Watch = UNWATCHED

    @classmethod
    def of(cls, question: Question, watch: Watch = UNWATCHED) -> Columns:
        """The columns of everything that `strategies` gives."""
        schedule = {each: number for number, each in enumerate(SCHEDULES)}
        recompute = {each: number for number, each in enumerate(RECOMPUTES)}
        rows = list(watch.over("bounds: strategies", strategies(question)))
        columns = np.zeros((len(Strategy._fields), len(rows)), np.int64)
        if rows:
            *degrees, schedules, recomputes = zip(*rows, strict=True)
            columns[:-2] = degrees
            columns[-2] = [schedule[each] for each in schedules]
            columns[-1] = [recompute[each] for each in recomputes]
        found = cls(rows, columns, np.zeros(0, np.int64))
        return cls(rows, columns, question.global_batch // (found["micro"] * found["dp"]), watch)

    def __getitem__(self, name: str) -> IntArray:
        """One column, shape (strategies,)."""
        column: IntArray = self.values[Strategy._fields.index(name)]
        return column

    def __len__(self) -> int:
        """Number of strategies."""
        return len(self.rows)

    @cached_property
    def world_size(self) -> IntArray:
        """GPUs of each strategy, shape (strategies,)."""
        size: IntArray = self["tp"] * self["cp"] * self["dp"] * self["pp"]
        return size

    @cached_property
    def split_tokens(self) -> NDArray[np.float64]:
        """Share of a sample that a rank holds outside of tensor-parallel regions, shape (strategies,)."""
        samples: NDArray[np.float64] = self["micro"] / (self["cp"] * self["tp"])
        return samples

    def groups(self, *names: str, also: IntArray | None = None) -> Groups:
        """Strategies that agree in the named columns, and in one more that is none of the space."""
        key = np.zeros(len(self), np.int64) if also is None else also.copy()
        for name in names:
            column = self[name]
            key = key * (int(column.max(initial=0)) + 1) + column
        _, first, group = np.unique(key, return_index=True, return_inverse=True)
        return Groups(first, group.ravel(), self.watch)


def numbered(values: NDArray[np.float64]) -> IntArray:
    """A number for each different value, in its place."""
    numbers: IntArray = np.unique(values, return_inverse=True)[1].ravel()
    return numbers


@dataclass(frozen=True, eq=False)
class Groups:
    """Strategies that have something in common.

    Parameters
    ----------
    first
        One strategy of each group, shape (groups,).
    of
        Group of every strategy, shape (strategies,).
    watch
        Looks after whatever goes through the groups.
    """

    first: IntArray
    of: IntArray
    watch: Watch = UNWATCHED

    @cached_property
    def members(self) -> list[IntArray]:
        """The strategies of every group."""
        order = np.argsort(self.of, kind="stable")
        ends = np.cumsum(np.bincount(self.of, minlength=len(self.first)))
        return np.split(order, ends[:-1]) if len(self.first) else []

    def of_wanted(self, what: str, wanted: NDArray[np.bool_]) -> Iterator[IntArray]:
        """Those of each group that are `wanted`, groups without any left out; `what` is told of each."""
        for members in self.watch.over(what, self.members, len(self.members)):
            rows = members[wanted[members]]
            if len(rows):
                yield rows
