"""How a job is cut into cells that a part of the cluster must hold whole, and what room there is for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.placement import Objective
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.problem import Problem, lay_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload

    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Cut:
    """A job as so many GPUs in whole cells.

    Parameters
    ----------
    cell_ranks, cell_tier
        Ranks of a cell, and the tier in one domain of which each cell lies.
    inner_ranks, inner_tier
        The same of the inner blocks of a cell.
    room
        For each tier the GPUs that each domain could give to whole cells, each of shape (domains,).
    """

    cell_ranks: int
    cell_tier: int
    inner_ranks: int
    inner_tier: int
    room: Sequence[IntArray]

    def unit(self, tier: int) -> int:
        """GPUs come in multiples of this in each domain of a tier."""
        if tier >= self.cell_tier:
            return self.cell_ranks
        return self.inner_ranks if tier >= self.inner_tier else 1


def cuts_of(cluster: Cluster, workload: Workload, usable: BoolArray) -> list[Cut]:
    """The cuts of a job that fit on the GPUs it may use, largest cells first; the last is `ruled_cut`.

    All but the last hold more together than rules ask for, since that is where little crosses.
    """
    problem = Problem(cluster, workload, Objective.WEIGHTED, usable)
    least = ruled_cut(problem)
    if int(least.room[-1].sum()) < workload.mesh.world_size:
        return []
    if {"pp", "dp", "edp"} & set(workload.keep):
        # Cells say nothing of these rules.
        return [least]
    layouts = (lay_out(problem, blocks) for blocks in candidate_blocks(workload.mesh))
    found = [
        _cut(problem, layout.blocks.inner, layout.inner_tier, layout.blocks.run, layout.cell_tier)
        for layout in layouts
        if layout is not None
    ]
    return [*found, least]


def ruled_cut(problem: Problem) -> Cut:
    """The cut that holds together what the rules ask for, and no more.

    Each rule says that GPUs of its tier come in whole groups of its axis, and in whole tensor groups
    of as many where those are kept in a domain no larger. The largest of these counts as a cell.
    """
    mesh, cluster, keep = problem.workload.mesh, problem.cluster, problem.workload.keep
    inner, inner_tier = (mesh.tp, cluster.tier_index(keep["tp"])) if "tp" in keep else (1, 0)
    run, cell_tier = 1, inner_tier
    for axis, name in keep.items():
        tier = cluster.tier_index(name)
        if axis == "tp" or (inner > 1 and tier < inner_tier):
            continue
        if mesh.degree(axis) > run:
            run, cell_tier = mesh.degree(axis), tier
    return _cut(problem, inner, inner_tier, run, cell_tier)


def _cut(problem: Problem, inner: int, inner_tier: int, run: int, cell_tier: int) -> Cut:
    room: list[IntArray] = []
    for tier in range(len(problem.cluster.tiers)):
        held = summed_up(problem.cluster, tier - 1, room[-1]) if room else problem.ranks_that_fit[0]
        held = held.astype(np.int64)
        held = held // inner * inner if tier == inner_tier else held
        room.append(held // (inner * run) * (inner * run) if tier == cell_tier else held)
    return Cut(inner * run, cell_tier, inner, inner_tier, room)


def summed_up(cluster: Cluster, tier: int, values: IntArray) -> IntArray:
    """Values of the domains of a tier, summed over those of the next tier out."""
    parent, domains = cluster.tiers[tier].parent, cluster.tiers[tier + 1].domains
    return np.bincount(parent, values, minlength=domains).astype(np.int64)
