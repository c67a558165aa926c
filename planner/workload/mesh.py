"""The mesh of ranks: from a rank to its coordinates and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    IntArray = NDArray[np.int32]

DEFAULT_RANK_ORDER = ("tp", "cp", "ep", "dp", "pp")
MESH_AXES = ("tp", "cp", "dp", "pp")


@dataclass(frozen=True)
class Mesh:
    """Degrees of parallelism and the order in which ranks run through them.

    The world is ``tp * cp * dp * pp`` ranks. The rank is a mixed-radix number whose digits are the
    coordinates in `rank_order`, leftmost fastest: what Megatron-Core's ``RankGenerator``
    (``megatron/core/parallel_state.py``) does with its ``order`` string.

    Expert groups are folded: with ``q`` the index of a rank among the ``cp * dp`` ranks of its
    stage and tensor index (the axis that comes first in `rank_order` running fastest), its expert
    index is ``q % ep`` and its index among the ranks that hold the same experts, here the axis
    ``edp``, is ``q // ep``. Megatron-Core gets there with a second generator of the same world
    that has ``cp = 1`` and ``dp = edp``; the two agree where ``pp`` comes last in the order, which
    Megatron demands of every folded job. Where ``ep`` stands in `rank_order` has no effect.

    Parameters
    ----------
    tp, cp, ep, dp, pp
        Degrees of the axes.
    vp
        Virtual stages a stage holds.
    rank_order
        Axes, fastest first.
    """

    tp: int = 1
    cp: int = 1
    ep: int = 1
    dp: int = 1
    pp: int = 1
    vp: int = 1
    rank_order: tuple[str, ...] = DEFAULT_RANK_ORDER

    @property
    def world_size(self) -> int:
        """Number of ranks."""
        return self.tp * self.cp * self.dp * self.pp

    @property
    def edp(self) -> int:
        """Number of ranks that hold the same experts."""
        return self.cp * self.dp // self.ep

    @property
    def dp_unit(self) -> int:
        """Consecutive data-parallel indices that come and go together: they hold whole expert groups."""
        if self.ep == 1:
            return 1
        if self.fold_order[0] == "cp":
            return self.ep // math.gcd(self.ep, self.cp)
        # Expert groups run along dp: where they do not divide it, no replica can go without breaking one.
        return self.ep if self.dp % self.ep == 0 else self.dp

    def degree(self, axis: str) -> int:
        """Number of ranks along one axis (``tp cp ep dp pp edp``)."""
        return int(getattr(self, axis))

    def stride(self, axis: str) -> int:
        """From a rank to the next one along an axis of the mesh; 0 for ``ep`` and ``edp``."""
        return self._strides.get(axis, 0)

    @cached_property
    def _strides(self) -> dict[str, int]:
        strides, step = {}, 1
        for axis in self.rank_order:
            if axis in MESH_AXES:
                strides[axis] = step
                step *= self.degree(axis)
        return strides

    @cached_property
    def fold_order(self) -> tuple[str, str]:
        """The two axes that expert groups are folded from, fastest first."""
        cp, dp = self.rank_order.index("cp"), self.rank_order.index("dp")
        return ("cp", "dp") if cp < dp else ("dp", "cp")

    def coordinate(self, axis: str, rank: ArrayLike) -> IntArray:
        """Coordinate of ranks along `axis`, same shape as `rank`; also for ``ep`` and ``edp``."""
        ranks = np.asarray(rank, np.int32)
        if axis in ("ep", "edp"):
            fast, slow = self.fold_order
            q = self.coordinate(fast, ranks) + self.degree(fast) * self.coordinate(slow, ranks)
            return _rest(q, self.ep) if axis == "ep" else np.asarray(q // self.ep)
        stride, degree = self._strides[axis], self.degree(axis)
        if degree == 1:
            return np.zeros(ranks.shape, np.int32)
        return _rest(ranks if stride == 1 else np.asarray(ranks // stride), degree)

    def coordinates(self, rank: int) -> dict[str, int]:
        """All coordinates of one rank: ``tp cp ep pp dp``."""
        return {axis: int(self.coordinate(axis, rank)) for axis in ("tp", "cp", "ep", "pp", "dp")}

    def rank(self, coordinates: Mapping[str, ArrayLike]) -> IntArray:
        """Rank at the given ``tp cp dp pp`` coordinates, each broadcast against the others."""
        total: IntArray = np.zeros((), np.int32)
        for axis in MESH_AXES:
            total = total + np.asarray(coordinates[axis], np.int32) * np.int32(self._strides[axis])
        return np.asarray(total)


def _rest(number: IntArray, degree: int) -> IntArray:
    """``number % degree``, which numpy takes far longer for than to divide by one number."""
    rest: IntArray = np.asarray(number - number // degree * degree)
    return rest
