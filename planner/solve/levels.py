"""Pricing for large domains: real widths take at most three levels.

With the set of touched stages fixed, the rest of f is convex and piecewise linear in the widths, so
a cheapest vector lies at a vertex of ``0 <= w <= N, sum(w) <= C``. The pieces ``min(w[p], w[p + 1])``
only bend where neighbours are equal, hence at a vertex every width is 0, N, or one common level
``a`` that the capacity decides: ``a = (C - N * full) / partial``. A dynamic programme over the
stages finds the best choice of levels for every pair (full, partial).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.reduction import StageCosts

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Levels:
    """The convex relaxation of f for large domains.

    Parameters
    ----------
    touch
        Bytes paid once a stage is present at all, shape (P,).
    slope
        Bytes paid for each cell of a stage, shape (P,).
    kept
        Bytes kept home between neighbours, shape (P - 1,).
    replicas
        N, the most cells of one stage that a domain can hold.
    """

    touch: FloatArray
    slope: FloatArray
    kept: FloatArray
    replicas: int

    @classmethod
    def of(cls, costs: StageCosts, replicas: int) -> Levels:
        """Relax h to a fixed charge and a slope, and a ring's seam to a linear credit."""
        touch, slope = np.zeros(costs.stages), np.zeros(costs.stages)
        for form, cells, coefficient in costs.terms:
            if form == "touched" and cells >= replicas:
                touch += coefficient
            elif form == "touched":
                slope += coefficient / cells
        if costs.v_wrap:
            slope[0] -= 0.5 * costs.v_wrap
            slope[-1] -= 0.5 * costs.v_wrap
        return cls(touch, slope, costs.v, replicas)

    def cost(self, widths: FloatArray) -> float:
        """The relaxed f of one vector of real widths."""
        shared = np.minimum(widths[:-1], widths[1:]) @ self.kept
        return float(self.touch[widths > 0].sum() + self.slope @ widths - shared)

    def cheapest(self, duals: FloatArray, capacity: int) -> tuple[float, FloatArray]:
        """Least ``cost(w) - duals . w`` within `capacity`, and a vector that reaches it."""
        stages = len(self.touch)
        best, vector = 0.0, np.zeros(stages)
        for full in range(min(stages, capacity // self.replicas) + 1):
            rest = capacity - full * self.replicas
            for partial in range(stages - full + 1):
                level = min(self.replicas, rest / partial) if partial else 0.0
                value, found = self._choose(duals, full, partial, level)
                if value < best:
                    best, vector = value, found
        return best, vector

    def _choose(
        self, duals: FloatArray, full: int, partial: int, level: float
    ) -> tuple[float, FloatArray]:
        """Best choice of exactly `full` stages at N and `partial` at `level`."""
        stages = len(self.touch)
        levels = np.asarray([0.0, level, float(self.replicas)])
        shared = np.minimum.outer(levels, levels)
        state = np.full((3, partial + 1, full + 1), np.inf)
        state[0, 0, 0] = 0.0
        states = [state]
        for stage in range(stages):
            pay = self.touch[stage] * (levels > 0) + (self.slope[stage] - duals[stage]) * levels
            kept = self.kept[stage - 1] if stage else 0.0
            joined = (state[:, None] - kept * shared[:, :, None, None]).min(axis=0)
            state = np.full_like(state, np.inf)
            state[0] = joined[0] + pay[0]
            state[1, 1:] = joined[1, :-1] + pay[1]
            state[2, :, 1:] = joined[2, :, :-1] + pay[2]
            states.append(state)
        return float(states[-1][:, partial, full].min()), self._walk_back(states, levels, shared)

    def _walk_back(
        self, states: list[FloatArray], levels: FloatArray, shared: FloatArray
    ) -> FloatArray:
        """Read the chosen levels back from the programme's tables."""
        partial, full = states[0].shape[1] - 1, states[0].shape[2] - 1
        chosen = np.zeros(len(states) - 1)
        last = int(np.argmin(states[-1][:, partial, full]))
        for stage in range(len(states) - 2, -1, -1):
            chosen[stage] = levels[last]
            partial, full = partial - (last == 1), full - (last == 2)
            kept = self.kept[stage - 1] if stage else 0.0
            last = int(np.argmin(states[stage][:, partial, full] - kept * shared[:, last]))
        return chosen
