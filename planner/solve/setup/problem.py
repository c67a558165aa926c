"""The problem: a job, the GPUs it may use, and what a crossing byte costs at each tier."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.crossing import crossing_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.placement.placement import Objective
    from planner.solve.setup.blocks import Blocks
    from planner.solve.setup.cuts import Bundles
    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Problem:
    """What is solved.

    Parameters
    ----------
    cluster, workload
        The hardware and the job.
    objective
        What to minimise.
    available
        GPUs that may hold a rank, shape (gpus,).
    """

    cluster: Cluster
    workload: Workload
    objective: Objective
    available: BoolArray

    @cached_property
    def ranks_that_fit(self) -> tuple[IntArray, ...]:
        """For each tier how many ranks each domain can hold, each of shape (domains,)."""
        return tuple(
            np.bincount(domain[self.available], minlength=tier.domains).astype(np.int32)
            for tier, domain in zip(self.cluster.tiers, self.cluster.domain_of_gpu, strict=True)
        )

    @cached_property
    def weights(self) -> FloatArray:
        """Cost of a crossing byte at each tier, see `crossing_weights`."""
        return crossing_weights(self.cluster, self.objective)


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the cells of one cut live.

    Each inner block lies in one domain of `inner_tier`, each cell in one of `cell_tier`.

    Parameters
    ----------
    blocks
        The cut into cells.
    inner_tier, cell_tier
        Innermost tiers whose domains hold enough whole blocks, and whole cells.
    inner_room
        Inner blocks that fit each domain of `inner_tier`, shape (domains,).
    room
        Cells that fit each domain of `cell_tier`, shape (domains,); each bundle where there are bundles.
    bundles
        Inner domains that hold the cells in equal parts; None where nothing but the order of seats says how
        cells lie inside their domains.
    """

    blocks: Blocks
    inner_tier: int
    cell_tier: int
    inner_room: IntArray
    room: IntArray
    bundles: Bundles | None = None

    @property
    def cells(self) -> int:
        """Number of cells of the job."""
        return self.blocks.stages * self.blocks.replicas


def lay_out(problem: Problem, blocks: Blocks) -> Layout | None:
    """The tightest layout of `blocks` that obeys the `keep` rules on their axes, or None.

    A rule on an axis that the cells do not hold whole cannot be kept by this cut.
    """
    limits = rule_tiers(problem, blocks)
    if limits is None:
        return None
    inner_limit, cell_limit = limits
    cluster = problem.cluster
    for inner_tier in range(inner_limit + 1):
        inner_room = problem.ranks_that_fit[inner_tier] // blocks.inner
        if inner_room.sum() < blocks.stages * blocks.replicas * blocks.run:
            continue
        slots = inner_room
        for cell_tier in range(inner_tier, cell_limit + 1):
            room = slots // blocks.run
            if room.sum() >= blocks.stages * blocks.replicas:
                return Layout(blocks, inner_tier, cell_tier, inner_room, room)
            if cell_tier + 1 < len(cluster.tiers):
                slots = _sum_up(slots, cluster, cell_tier)
    return None


def _sum_up(values: IntArray, cluster: Cluster, tier: int) -> IntArray:
    """Sum per-domain values of `tier` over the domains of the next tier out."""
    parents = cluster.tiers[tier].parent
    return np.bincount(parents, values, minlength=cluster.tiers[tier + 1].domains).astype(np.int32)


def rule_tiers(problem: Problem, blocks: Blocks) -> tuple[int, int] | None:
    """Outermost tiers allowed for the inner block and for the cell, None where a rule cannot hold."""
    mesh, cluster = blocks.mesh, problem.cluster
    inner_limit = cell_limit = len(cluster.tiers) - 1
    for axis, tier_name in problem.workload.keep.items():
        if mesh.degree(axis) == 1 or axis in ("pp", "dp", "edp"):
            continue
        tier = cluster.tier_index(tier_name)
        if axis == "tp":
            if blocks.inner != mesh.tp:
                return None
            inner_limit = min(inner_limit, tier)
        else:
            if blocks.run % mesh.degree(axis) or (axis == "cp" and mesh.fold_order[0] != "cp"):
                return None
            cell_limit = min(cell_limit, tier)
    return min(inner_limit, cell_limit), cell_limit


def whole_by_rule(problem: Problem, blocks: Blocks, tier: int) -> IntArray | None:
    """Cells that fit each domain of `tier` where rules keep cells whole in it, shape (domains,).

    None where no rule says so, and a cell may lie in several domains of the tier.
    """
    mesh, keep, cluster = blocks.mesh, problem.workload.keep, problem.cluster
    inner_tier = cell_tier = 0
    if mesh.tp > 1:
        if "tp" not in keep or blocks.inner != mesh.tp:
            return None
        inner_tier = cell_tier = cluster.tier_index(keep["tp"])
    if blocks.run > 1:
        axes = ("ep", "cp") if mesh.fold_order[0] == "cp" else ("ep",)
        tiers = [
            cluster.tier_index(keep[axis])
            for axis in axes
            if axis in keep and blocks.run == mesh.degree(axis)
        ]
        if not tiers:
            return None
        cell_tier = max(inner_tier, min(tiers))
    if tier < cell_tier:
        return None
    slots = problem.ranks_that_fit[inner_tier] // blocks.inner
    for level in range(inner_tier, cell_tier):
        slots = _sum_up(slots, cluster, level)
    room = slots // blocks.run
    for level in range(cell_tier, tier):
        room = _sum_up(room, cluster, level)
    return room
