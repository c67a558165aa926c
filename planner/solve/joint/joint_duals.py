"""Duals of the relaxation over all tiers, and those between two of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.columns.columns import EVEN_LOOKS, STEADY
from planner.solve.columns.pricing import price
from planner.solve.joint.pools import WHOLE_JOB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.columns.master import Rounding
    from planner.solve.columns.pricing import Space
    from planner.solve.joint.pools import Pool
    from planner.solve.reduction.reduction import StageCosts

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]
    Sizes = dict[Rounding, float]


@dataclass(frozen=True, eq=False)
class Centre:
    """Duals, as pricing reads them.

    Parameters
    ----------
    worth
        For every group of rows what each width is worth, shape (P, N + 1).
    shares
        Which part of what each level pays is priced; its floor earns the rest. Shape (levels,).
    rents
        For each pool what every number of cells pays for its place in a domain, shape (room + 1,).
    sizes
        For groups with rows about all cells of a vector the duals of these.
    """

    worth: dict[int, FloatArray]
    shares: FloatArray
    rents: list[FloatArray]
    sizes: dict[int, Sizes] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """What the whole job is worth."""
        table = self.worth[WHOLE_JOB]
        stages, widths = table.shape
        return float(table[:, -1].sum()) + float(self.of_size(WHOLE_JOB, stages * (widths - 1)))

    def of_size(self, group: int, cells: IntArray | int) -> FloatArray:
        """What vectors of so many cells, shape (...), are worth to a group beside their widths."""
        duals = self.sizes.get(group, {}).items()
        return sum((dual * rounding.of(cells) for rounding, dual in duals), np.zeros(np.shape(cells)))

    def towards(self, other: Centre) -> Centre:
        """Duals between these and others, nearer to these."""
        near, far = STEADY, 1 - STEADY
        worth = {group: near * table + far * other.worth[group] for group, table in self.worth.items()}
        rents = [near * rent + far * there for rent, there in zip(self.rents, other.rents, strict=True)]
        sizes = {
            group: added(scaled(near, self.sizes.get(group, {})), scaled(far, other.sizes.get(group, {})))
            for group in self.worth
        }
        return Centre(worth, near * self.shares + far * other.shares, rents, sizes)


def scaled(factor: float, sizes: Sizes) -> Sizes:
    """Duals times a factor."""
    return {rounding: factor * dual for rounding, dual in sizes.items()}


def added(one: Sizes, other: Sizes) -> Sizes:
    """Sums of duals, in the order of their rows."""
    rows = dict.fromkeys((*one, *other))
    return {rounding: one.get(rounding, 0.0) + other.get(rounding, 0.0) for rounding in rows}


def even_worth(costs: StageCosts, pools: Sequence[Pool], weight: float, unit: float, space: Space) -> float:
    """What a cell is worth to one tier alone, if those of all stages are worth the same, at most a unit.

    It is where the tier's cheapest vectors hold as many cells as there are.

    Parameters
    ----------
    pools
        The tier's domains.
    weight
        Cost of a crossing byte at the tier.
    """
    room = max(pool.rooms[-1] for pool in pools)
    holding = costs.holding(min(room, costs.replicas))
    wanted, low, high = costs.stages * costs.replicas, -unit, unit
    for _ in range(EVEN_LOOKS):
        worth = (low + high) / 2
        used = price(costs, np.full(costs.stages, worth / weight), room, holding, space).used
        held = sum(
            count * int(used[r]) for pool in pools for r, count in zip(pool.rooms, pool.counts, strict=True)
        )
        low, high = (worth, high) if held < wanted else (low, worth)
    return high
