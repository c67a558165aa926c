"""Duals of the relaxation over all tiers, and those between two of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.solve.columns import STEADY
from planner.solve.pools import WHOLE_JOB

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


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
    """

    worth: dict[int, FloatArray]
    shares: FloatArray
    rents: list[FloatArray]

    @property
    def value(self) -> float:
        """What the whole job is worth."""
        return float(self.worth[WHOLE_JOB][:, -1].sum())

    def towards(self, other: Centre) -> Centre:
        """Duals between these and others, nearer to these."""
        near, far = STEADY, 1 - STEADY
        worth = {group: near * table + far * other.worth[group] for group, table in self.worth.items()}
        rents = [near * rent + far * there for rent, there in zip(self.rents, other.rents, strict=True)]
        return Centre(worth, near * self.shares + far * other.shares, rents)
