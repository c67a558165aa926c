"""The last word on small fleets: exchanges of places that make F itself smaller.

What rules keep in a node moves as one block. Two blocks of one size that lie in different nodes change
places, of one job or of two, or a block moves to GPUs that are free; what makes F smaller and breaks no
rule stays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.fleet.check import check_fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from planner.fleet.ground import Ground
    from planner.fleet.placed import PlacedFleet
    from planner.placement.placement import Placement
    from planner.solve.setup.control import Control

    IntArray = NDArray[np.int64]
    Join = Callable[[Mapping[int, Placement]], PlacedFleet]

MOST_RANKS, MOST_TRIES = 256, 1500
MET = 1e-9


@dataclass(frozen=True, eq=False)
class Block:
    """Ranks of a job that must lie in one node; job -1 are free GPUs, which `ranks` then names."""

    job: int
    ranks: IntArray


@dataclass
class Polisher:
    """Exchanges blocks of a fleet while that makes its value smaller.

    Parameters
    ----------
    ground, control
        The fleet on its cluster, and limits.
    join
        Makes a fleet of placements of the new jobs, all that is claimed of them worked out anew.
    best
        The best so far.
    """

    ground: Ground
    control: Control
    join: Join
    best: PlacedFleet

    def run(self) -> PlacedFleet:
        """The fleet after all exchanges that help, or as it was."""
        new = self.ground.fleet.new_jobs
        if sum(self.best.jobs[job].placement.workload.mesh.world_size for job in new) > MOST_RANKS:
            return self.best
        rng, tries = np.random.default_rng(self.control.seed), MOST_TRIES
        helped = True
        while helped:
            helped = False
            for one, other in self._pairs(rng):
                if tries == 0 or self.control.over or self.best.claims.status == "optimal":
                    return self.best
                tries -= 1
                helped |= self._exchange(one, other)
        return self.best

    def _pairs(self, rng: np.random.Generator) -> Iterator[tuple[Block, Block]]:
        """Pairs of blocks of one size in different nodes, in random order."""
        blocks = [block for job in self.ground.fleet.new_jobs for block in self._blocks(job)]
        blocks += list(self._free({len(block.ranks) for block in blocks}))
        first, second = np.triu_indices(len(blocks), 1)
        for at in rng.permutation(len(first)).tolist():
            one, other = blocks[first[at]], blocks[second[at]]
            if one.job >= 0 and len(one.ranks) == len(other.ranks) and self._node(one) != self._node(other):
                yield one, other

    def _blocks(self, job: int) -> Iterator[Block]:
        """The ranks of a job in whole blocks."""
        workload = self.best.jobs[job].placement.workload
        ranks = np.arange(workload.mesh.world_size)
        inner = self.ground.cluster.tiers[0].name
        kept = {axis for axis, tier in workload.keep.items() if tier == inner}
        key = np.zeros(len(ranks), np.int64)
        for axis in ("tp", "cp", "dp", "pp"):
            if axis not in kept:
                key = key * workload.mesh.degree(axis) + workload.mesh.coordinate(axis, ranks)
        for each in np.unique(key).tolist():
            yield Block(job, np.flatnonzero(key == each))

    def _free(self, sizes: set[int]) -> Iterator[Block]:
        """Free GPUs of each node, one block of each size that there is room for."""
        free = self.ground.free.copy()
        for job in self.ground.fleet.new_jobs:
            free[self.best.jobs[job].placement.gpu_of_rank] = False
        gpus = np.flatnonzero(free)
        for node in np.unique(self.ground.cluster.gpu_node[gpus]).tolist():
            here = gpus[self.ground.cluster.gpu_node[gpus] == node]
            for size in sorted(sizes):
                if size <= len(here):
                    yield Block(-1, here[:size])

    def _gpus(self, block: Block) -> IntArray:
        """Where a block lies now."""
        if block.job < 0:
            return block.ranks
        return self.best.jobs[block.job].placement.gpu_of_rank[block.ranks].astype(np.int64)

    def _node(self, block: Block) -> int:
        return int(self.ground.cluster.gpu_node[self._gpus(block)[0]])

    def _exchange(self, one: Block, other: Block) -> bool:
        """Let two blocks change places if F becomes smaller and no rule is broken."""
        tables = {job: self.best.jobs[job].placement.gpu_of_rank.copy() for job in self.ground.fleet.new_jobs}
        here, there = self._gpus(one), self._gpus(other)
        if other.job < 0 and any(np.isin(there, table).any() for table in tables.values()):
            return False
        tables[one.job][one.ranks] = there
        if other.job >= 0:
            tables[other.job][other.ranks] = here
        joined = self.join(
            {job: replace(self.best.jobs[job].placement, gpu_of_rank=table) for job, table in tables.items()}
        )
        if joined.claims.value_s >= self.best.claims.value_s * (1 - MET) or not check_fleet(joined).ok:
            return False
        self.best = joined
        return True
