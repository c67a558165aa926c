"""A placement that keeps everyone who stays and finds the others a place, level by level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.groups import groups_along
from planner.repair.ledger import NOWHERE, Ledger, Party
from planner.repair.rules import joined
from planner.repair.seats import seat
from planner.repair.settle import Settling

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from planner.repair.rules import Level
    from planner.repair.stay import Stay
    from planner.repair.task import Task

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

MOST_SINGLES = 600


def fill(task: Task, stay: Stay, weights: FloatArray, over: Callable[[], bool]) -> IntArray:
    """GPU of every rank, shape (world_size,): those that `stay` keep theirs.

    Parameters
    ----------
    weights
        Cost of a crossing byte at each tier, shape (tiers,).
    over
        Whether to be content with what there is.
    """
    return _Filling(task, stay, weights, over).run()


@dataclass
class _Filling:
    task: Task
    stay: Stay
    weights: FloatArray
    over: Callable[[], bool]

    def run(self) -> IntArray:
        task, kept = self.task, self.stay.kept
        gpu_of_rank = np.where(kept, task.before, -1).astype(np.int32)
        moving = np.flatnonzero(~kept).astype(np.int32)
        if not len(moving):
            return gpu_of_rank
        free = task.available.copy()
        free[gpu_of_rank[kept]] = False
        gpus = np.flatnonzero(free).astype(np.int32)
        tier, domain = self._domains(moving, gpus)
        gpu_of_rank[moving] = seat(task, tier, moving, domain[moving], gpus)
        return gpu_of_rank

    def _domains(self, moving: IntArray, gpus: IntArray) -> tuple[int, IntArray]:
        """A tier, and for each rank that moves its domain there, shape (world_size,)."""
        self._start()
        # Where each rank's part of the level outside lies; everything lies in the cluster.
        tier = len(self.task.cluster.tiers) - 1
        within = np.zeros(self.task.ranks, np.int32)
        for index in reversed(range(len(self.stay.levels))):
            level = self.stay.levels[index]
            self._settle_level(index, level, tier, within)
            tier, within = level.tier, self.stay.home[index][level.part]
        return self._settle_ranks(moving, gpus, tier, within)

    def _start(self) -> None:
        """The ledger, with everyone whose domain is known in it."""
        task, cluster = self.task, self.task.cluster
        homes = {
            level.tier: home[level.part] for level, home in zip(self.stay.levels, self.stay.home, strict=True)
        }
        domains = []
        known = np.full(task.ranks, NOWHERE, np.int32)
        for tier in range(len(cluster.tiers) - 1):
            if tier:
                parents = np.append(cluster.tiers[tier - 1].parent, NOWHERE)
                known = parents[known].astype(np.int32)
            known = np.where(self.stay.kept, task.domain_before(tier), known).astype(np.int32)
            known = np.where(known == NOWHERE, homes.get(tier, known), known).astype(np.int32)
            domains.append(known)
        self.ledger = Ledger(cluster, task.workload, self.weights, domains, ~self.stay.kept, self._unit())

    def _unit(self) -> IntArray | None:
        """The smallest parts that are moved as a whole; None where single ranks are."""
        levels = self.stay.levels
        if not levels or self.weights[: levels[0].tier].any():
            return None
        return levels[0].part

    def _settle_level(self, index: int, level: Level, outer: int, within: IntArray) -> None:
        """Find a domain for the parts of a level that have none."""
        home = self.stay.home[index]
        waiting = np.flatnonzero(home < 0)
        if not len(waiting):
            return
        leaving = np.flatnonzero((home < 0)[level.part]).astype(np.int32)
        ranks = np.split(leaving[np.argsort(level.part[leaving], kind="stable")], len(waiting))
        last = outer == len(self.task.cluster.tiers) - 1
        parties = [self._party(each, None if last else outer, within) for each in ranks]
        free = self.stay.free[index]
        tiers = range(level.tier, outer)
        home[waiting] = Settling(self.ledger, self.task.cluster, tiers, free, self.over).settle(parties)

    def _party(self, ranks: IntArray, outer: int | None, within: IntArray) -> Party:
        """Some ranks as a party that stays inside its domain of the tier `outer`."""
        inside = None if outer is None else (outer, int(within[ranks[0]]))
        return self.ledger.party(ranks, inside, int(self.task.before[ranks[0]]))

    def _settle_ranks(
        self, moving: IntArray, gpus: IntArray, outer: int, within: IntArray
    ) -> tuple[int, IntArray]:
        """Find a domain for each rank, inside that of its innermost part."""
        cluster = self.task.cluster
        leaf = min([tier for tier in self.ledger.tiers if tier < outer], default=outer)
        if leaf == outer:
            return outer, within
        anywhere = outer == len(cluster.tiers) - 1
        domain = np.full(self.task.ranks, NOWHERE, np.int32)
        free = np.bincount(cluster.domain_of_gpu[leaf][gpus], minlength=cluster.tiers[leaf].domains)
        waiting = bundles(self.task, moving) if anywhere and len(moving) > MOST_SINGLES else moving[:, None]
        while len(waiting):
            size = max(len(ranks) for ranks in waiting)
            largest = [ranks for ranks in waiting if len(ranks) == size]
            room = (free // size).astype(np.int32)
            fitting = largest[: int(room.sum())]
            rest = [half for ranks in largest[len(fitting) :] for half in np.array_split(ranks, 2)]
            waiting = [*(ranks for ranks in waiting if len(ranks) < size), *rest]
            parties = [self._party(ranks, None if anywhere else outer, within) for ranks in fitting]
            at = Settling(self.ledger, cluster, range(leaf, outer), room, self.over).settle(parties)
            for party, place in zip(parties, at.tolist(), strict=True):
                domain[party.ranks] = place
                free[place] -= size
        return leaf, domain


def bundles(task: Task, moving: IntArray) -> list[IntArray]:
    """Ranks that were in one node and belong to one tensor, context and expert group, together."""
    mesh = task.workload.mesh
    parts = np.arange(task.ranks, dtype=np.int32)
    for axis in ("tp", "ep", "cp"):
        if mesh.degree(axis) > 1:
            parts = joined(parts, groups_along(mesh, (axis,)).members)
    key = parts[moving].astype(np.int64) * (task.cluster.nodes + 1)
    key += np.where(task.before[moving] >= 0, task.cluster.gpu_node[task.before[moving]], task.cluster.nodes)
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order])) + 1
    return np.split(moving[order], starts)
