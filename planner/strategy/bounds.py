"""What strategies take at the least, in time and in memory: all strategies of a space together.

Nothing is simulated; `planner.strategy.least_memory` and `planner.strategy.least_time` say how.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from planner.strategy.columns import Columns
from planner.strategy.cuts import Part, parts_of
from planner.strategy.least_memory import least_memory
from planner.strategy.least_time import least_time
from planner.strategy.space import ORDERS, Question, sharings
from planner.strategy.watch import UNWATCHED, Watch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.strategy.outline import Outline
    from planner.workload.job import DataParallel

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

# Sums are taken in another order than in the cost model.
ROUNDING = 1 - 1e-9
# Strategies count as using most GPUs from so many times the most that any can.
MOST_GPUS = 0.9


@dataclass(frozen=True)
class Bounds:
    """Lower bounds for the strategies of a question; `StoppedError` where `watch` is told to stop."""

    question: Question
    outline: Outline
    watch: Watch = UNWATCHED

    @cached_property
    def columns(self) -> Columns:
        """The strategies."""
        return Columns.of(self.question, self.watch)

    @cached_property
    def ways(self) -> list[DataParallel]:
        """Ways of data parallelism that are tried."""
        return sharings(self.question)

    @cached_property
    def _parts(self) -> list[Part]:
        return parts_of(self.question, self.columns)

    @cached_property
    def _ground(self) -> IntArray:
        """Which part of the cluster each strategy is for, see `Outline.ground`, shape (strategies,)."""
        sizes = [part.gpus for part in self.outline.faster]
        return np.searchsorted(np.array(sizes, np.int64), self.columns.world_size)

    @cached_property
    def limit_bytes(self) -> FloatArray:
        """Memory of a GPU that each strategy may use, shape (strategies,)."""
        sizes = [part.gpu.memory_bytes or np.inf for part in self.outline.grounds]
        return np.array(sizes)[self._ground]

    @cached_property
    def memory_bytes(self) -> FloatArray:
        """Bytes of the fullest GPU at the least, shape (ways, strategies)."""
        return ROUNDING * least_memory(self.question, self.columns, self._parts, self.ways)

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Ways, orders and strategies."""
        return len(self.ways), len(ORDERS), len(self.columns)

    @cached_property
    def time_s(self) -> FloatArray:
        """Seconds of a step at the least, shape (ways, orders, strategies).

        Infinite where the strategy does not fit, and where the order makes no difference to the one before.
        """
        return self.time_of(np.ones(len(self.columns), np.bool_))

    def time_of(self, wanted: BoolArray) -> FloatArray:
        """The same for the strategies that are `wanted`, a mask; infinite for all others."""
        found = np.full(self.shape, np.inf)
        for number, ground in enumerate(self.outline.grounds):
            fits = self._fits & wanted & (self._ground == number)
            if fits.any():
                least = least_time(self.question, ground, self.columns, self._parts, fits)
                found = np.minimum(found, ROUNDING * least)
        return found

    def some(self, count: int) -> BoolArray:
        """About so many of the strategies that fit on most GPUs, from all over the space, a mask."""
        fitting = np.flatnonzero(self._fits.any(axis=0))
        size = self.columns.world_size[fitting]
        fitting = fitting[size >= MOST_GPUS * size.max(initial=0)]
        chosen = np.zeros(len(self.columns), np.bool_)
        chosen[fitting[:: max(1, len(fitting) // count)]] = True
        return chosen

    @cached_property
    def _fits(self) -> BoolArray:
        """Whether a strategy fits in memory, shape (ways, strategies)."""
        fits: BoolArray = self.memory_bytes <= self.limit_bytes
        return fits
