"""Pricing for large domains: real widths take at most three levels.

With the set of touched stages fixed, the rest of f is convex and piecewise linear in the widths, so
a cheapest vector lies at a vertex of ``0 <= w <= N, sum(w) <= C``. The pieces ``min(w[p], w[p + 1])``
only bend where neighbours are equal, hence at a vertex every width is 0, N, or one common level
``a`` that the capacity decides: ``a = (C - N * full) / partial``. A ring of all N replicas pays while
it is cut, ``0 < w < N``: at the common level, and not at N. A dynamic programme over the stages
finds the best choice of levels for every pair (full, partial).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]


def linear_credit(costs: StageCosts) -> FloatArray:
    """Credit a cell for edges that close the path: ``min(a, b) <= (a + b) / 2``; shape (P,)."""
    credit, half = np.zeros(costs.stages), len(costs.rungs)
    credit[:half] += 0.5 * costs.rungs
    credit[costs.stages - half :] += 0.5 * costs.rungs[::-1]
    credit[[0, -1]] += 0.5 * costs.v_wrap
    return credit


@dataclass(frozen=True, eq=False)
class Levels:
    """The convex relaxation of f for large domains.

    Parameters
    ----------
    touch
        Bytes paid once a stage is present at all, shape (P,).
    cut
        Bytes paid while some but not all cells of a stage are present, shape (P,).
    slope
        Bytes paid for each cell of a stage, shape (P,).
    kept
        Bytes kept home between neighbours, shape (P - 1,).
    replicas
        N, the most cells of one stage that a domain can hold.
    """

    touch: FloatArray
    cut: FloatArray
    slope: FloatArray
    kept: FloatArray
    replicas: int

    @classmethod
    def of(cls, costs: StageCosts, replicas: int) -> Levels:
        """Relax h to fixed charges and a slope, and edges that close the path to a linear credit."""
        touch, cut, slope = np.zeros((3, costs.stages))
        for form, cells, coefficient in costs.terms:
            if form == "touched" and cells >= replicas:
                touch += coefficient
            elif form == "partial" and cells >= replicas:
                cut += coefficient
            elif form == "touched":
                slope += coefficient / cells
        slope -= linear_credit(costs)
        return cls(touch, cut, slope, costs.v, replicas)

    def cost(self, widths: FloatArray) -> float:
        """The relaxed f of one vector of real widths."""
        shared = np.minimum(widths[:-1], widths[1:]) @ self.kept
        return float(self._charges(widths).sum() + self.slope @ widths - shared)

    def _charges(self, widths: FloatArray) -> FloatArray:
        """Fixed charges of every stage at the given widths, shape (..., P)."""
        charges: FloatArray = self.touch * (widths > 0) + self.cut * ((widths > 0) & (widths < self.replicas))
        return charges

    def cheapest(self, duals: FloatArray, capacity: int) -> tuple[float, FloatArray]:
        """Least ``cost(w) - duals . w`` within `capacity`, at most 0, and a vector that reaches it."""
        full, partial = self._pairs(capacity)
        rest = capacity - full * self.replicas
        level = np.minimum(self.replicas, rest / np.maximum(partial, 1)) * (partial > 0)
        levels = np.stack([np.zeros(len(level)), level, np.full(len(level), float(self.replicas))], axis=1)
        (last,) = deque(self._tables(duals, levels, int(partial.max()), int(full.max())), maxlen=1)
        values = last[:, full, partial, np.arange(len(full))].min(axis=0)
        best = int(values.argmin())
        if values[best] >= 0:
            return 0.0, np.zeros(len(self.touch))
        chosen = int(partial[best]), int(full[best])
        # The tables of all pairs together are large: those of the best one are made again.
        tables = [table[..., 0] for table in self._tables(duals, levels[[best]], *chosen)]
        return float(values[best]), self._walk_back(tables, levels[best], *chosen)

    def _pairs(self, capacity: int) -> tuple[IntArray, IntArray]:
        """Every (stages at N, stages at the common level) that fits, each of shape (pairs,)."""
        stages = len(self.touch)
        pairs = [
            (full, partial)
            for full in range(min(stages, capacity // self.replicas) + 1)
            for partial in range(stages - full + 1)
        ]
        full, partial = np.asarray(pairs).T
        return full, partial

    def _tables(
        self, duals: FloatArray, levels: FloatArray, most_partial: int, most_full: int
    ) -> Iterator[FloatArray]:
        """The programme's tables: least cost by (last level, stages full, stages partial, pair)."""
        table = np.full((3, most_full + 1, 1, len(levels)), np.inf)
        table[0, 0, 0] = 0.0
        yield table
        charges = self._charges(levels[..., None])
        for stage in range(len(self.touch)):
            pay = (charges[..., stage] + (self.slope[stage] - duals[stage]) * levels).T
            kept = (self.kept[stage - 1] if stage else 0.0) * levels.T
            empty, partial, full = table
            # Levels rise: what two neighbours share is the lower one of theirs.
            low = np.minimum(partial, full)
            high = np.minimum(partial - kept[1], full - kept[2])
            most, before = min(stage + 1, most_partial), table.shape[2]
            table = np.full((3, most_full + 1, most + 1, len(levels)), np.inf)
            table[0, :, :before] = np.minimum(empty, low) + pay[0]
            table[1, :, 1:] = (np.minimum(empty, low - kept[1]) + pay[1])[:, :most]
            table[2, 1:, :before] = (np.minimum(empty, high) + pay[2])[:-1]
            yield table

    def _walk_back(self, tables: list[FloatArray], levels: FloatArray, partial: int, full: int) -> FloatArray:
        """Read the chosen levels back from the tables of one pair."""
        chosen = np.zeros(len(tables) - 1)
        last = int(np.argmin(tables[-1][:, full, partial]))
        for stage in range(len(tables) - 2, -1, -1):
            chosen[stage] = levels[last]
            partial, full = partial - (last == 1), full - (last == 2)
            kept = self.kept[stage - 1] if stage else 0.0
            last = int(np.argmin(tables[stage][:, full, partial] - kept * np.minimum(levels, levels[last])))
        return chosen
