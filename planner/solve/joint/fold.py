"""Stages that stand for each other: a row for all of them instead of one for each.

The worth of a cell differs near the ends of a pipeline and hardly in its middle, and it reads the same from
either end. Rows of stages that are added up leave one dual for all of them, which is a dual like any
other: the bound stays valid, and the programme is a fraction as large.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

# Stages from either end on that have a class of their own.
ENDS = 4


@dataclass(frozen=True, eq=False)
class Fold:
    """Classes of stages.

    Parameters
    ----------
    of_stage
        Class of each stage, shape (P,), counted from 0.
    """

    of_stage: IntArray

    @classmethod
    def apart(cls, stages: int) -> Fold:
        """Every stage in a class of its own."""
        return cls(np.arange(stages, dtype=np.int32))

    @classmethod
    def of(cls, costs: StageCosts, ends: int = ENDS) -> Fold:
        """Stages that pay the same and lie as far from an end, or both farther than `ends`; any of a ring.

        Where mirrored stages share an edge the middle of the path is an end as well.
        """
        stages = np.arange(costs.stages)
        far = np.minimum(stages, stages[::-1])
        if not costs.rungs.any():
            far = np.minimum(far, 0 if costs.v_wrap else ends)
        pays = np.stack([far, *(coefficient for _, _, coefficient in costs.terms)])
        return cls(np.unique(pays, axis=1, return_inverse=True)[1].reshape(-1).astype(np.int32))

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.sizes)

    @cached_property
    def sizes(self) -> IntArray:
        """Stages of each class, shape (classes,)."""
        return np.bincount(self.of_stage).astype(np.int32)

    @cached_property
    def first(self) -> IntArray:
        """The first stage of each class, shape (classes,)."""
        return np.unique(self.of_stage, return_index=True)[1].astype(np.int32)

    @cached_property
    def ends(self) -> IntArray:
        """The first stage and the last of each class, rising."""
        last = len(self.of_stage) - 1 - np.unique(self.of_stage[::-1], return_index=True)[1]
        return np.union1d(self.first, last).astype(np.int32)

    def summed(self, table: FloatArray | IntArray) -> FloatArray:
        """What the stages of each class have together, shape (..., classes); `table` has shape (..., P)."""
        total: FloatArray = np.matmul(table, self._members)
        return total

    @cached_property
    def _members(self) -> FloatArray:
        """1 where a stage is of a class, shape (P, classes)."""
        members: FloatArray = np.eye(self.classes)[self.of_stage]
        return members

    def alike(self, widths: IntArray) -> bytes:
        """The same for vectors that have the same widths in every class."""
        return bytes(widths[np.lexsort((widths, self.of_stage))])


class Vectors:
    """What programmes ask of width vectors again and again, found once for each."""

    def __init__(self, costs: StageCosts, fold: Fold) -> None:
        self.costs, self.fold = costs, fold
        self._found: dict[bytes, tuple[float, bytes, FloatArray]] = {}

    def of(self, widths: IntArray) -> tuple[float, bytes, FloatArray]:
        """f of a vector, what all that are alike have in common, and its cells by class, shape (classes,)."""
        key = widths.tobytes()
        if key not in self._found:
            paid = float(self.costs.domain_bytes(widths[None])[0])
            self._found[key] = paid, self.fold.alike(widths), self.fold.summed(widths)
        return self._found[key]
