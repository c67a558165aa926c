"""Proofs that a job cannot be placed: which rule fails, and by how much."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InfeasibleError
from planner.errors import Problem as Mistake
from planner.placement.groups import groups_along

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.setup.problem import Problem

    IntArray = NDArray[np.int32]


def prove_infeasible(problem: Problem) -> None:
    """Raise InfeasibleError where counting alone shows that no placement obeys the rules.

    Checks that there are enough GPUs, and for every `keep` rule that enough whole groups fit the
    domains of its tier, with the groups that other rules keep together inside them kept whole too.
    """
    mistakes = _mistakes(problem)
    if mistakes:
        smaller = _smaller_dp(problem)
        raise InfeasibleError(*(_with_remedy(mistake, smaller) for mistake in mistakes))


def _with_remedy(mistake: Mistake, smaller: str | None) -> Mistake:
    """The mistake with a smaller dp as its first remedy, where one would do."""
    remedies = [text for text in (smaller, mistake.suggestion) if text]
    return replace(mistake, suggestion="; ".join(remedies) or "smaller degrees of parallelism")


def _mistakes(problem: Problem) -> list[Mistake]:
    """What counting finds wrong: too few GPUs, or else the rules that fail."""
    gpus = int(problem.available.sum())
    if gpus < problem.workload.mesh.world_size:
        return [_too_few_gpus(problem, gpus)]
    return [m for axis in problem.workload.keep if (m := _rule_that_fails(problem, axis)) is not None]


def _smaller_dp(problem: Problem) -> str | None:
    """The largest dp that counting lets through, said as a remedy; None where there is none.

    Expert groups are folded out of ``cp * dp``, so dp moves in steps that keep them whole.
    """
    mesh = problem.workload.mesh
    step = mesh.ep // math.gcd(mesh.ep, mesh.cp)
    fits, fails = 0, -(-mesh.dp // step)
    while fails - fits > 1:
        middle = (fits + fails) // 2
        smaller = replace(problem.workload, mesh=replace(mesh, dp=middle * step))
        if _mistakes(replace(problem, workload=smaller)):
            fails = middle
        else:
            fits = middle
    return f"dp: {fits * step}, and a global batch that it divides" if fits else None


def _too_few_gpus(problem: Problem, gpus: int) -> Mistake:
    mesh, cluster = problem.workload.mesh, problem.cluster
    down = int((~cluster.gpu_in_service).sum())
    return Mistake(
        "S001",
        f"the job has {mesh.world_size:,} ranks, {mesh.world_size - gpus:,} more than the {gpus:,} GPUs "
        f"in service ({down:,} of {cluster.gpus:,} are out of service)",
        expected="a GPU for every rank",
    )


def _rule_that_fails(problem: Problem, axis: str) -> Mistake | None:
    """The mistake of one rule, None where counting finds none.

    Where tensor groups are kept inside a smaller domain they move as one, so units are whole
    tensor groups then and single ranks elsewhere.
    """
    mesh, keep = problem.workload.mesh, problem.workload.keep
    tier = problem.cluster.tier_index(keep[axis])
    unit, room = 1, problem.ranks_that_fit[tier]
    if axis != "tp" and "tp" in keep and problem.cluster.tier_index(keep["tp"]) <= tier:
        unit, room = mesh.tp, _tensor_groups_that_fit(problem, tier)
    fitting = int((room // mesh.degree(axis)).sum())
    needed = mesh.world_size // mesh.degree(axis) // unit
    if fitting >= needed:
        return None
    size, largest = mesh.degree(axis) * unit, int(problem.ranks_that_fit[tier].max(initial=0))
    return Mistake(
        "S002",
        f"rule keep: {{{axis}: {keep[axis]}}} fails: {needed:,} groups of {size:,} ranks must each stay "
        f"in one {keep[axis]}, and {fitting:,} fit, {needed - fitting:,} too few; the largest "
        f"{keep[axis]} has {largest:,} GPUs in service",
        expected=f"room for {needed:,} whole {axis} groups",
        suggestion=f"a smaller {axis}; a tier further out in the rule",
    )


def _tensor_groups_that_fit(problem: Problem, tier: int) -> IntArray:
    """Whole tensor groups that fit each domain of `tier` when each keeps to its own rule's tier."""
    cluster, inner = problem.cluster, problem.cluster.tier_index(problem.workload.keep["tp"])
    groups = problem.ranks_that_fit[inner] // problem.workload.mesh.tp
    for level in range(inner, tier):
        parents = cluster.tiers[level].parent
        groups = np.bincount(parents, groups, minlength=cluster.tiers[level + 1].domains).astype(np.int32)
    return groups


def rules_hold(problem: Problem, gpu_of_rank: IntArray) -> bool:
    """Whether every `keep` rule holds for a placement, shape (world_size,)."""
    cluster, mesh = problem.cluster, problem.workload.mesh
    for axis, name in problem.workload.keep.items():
        members = groups_along(mesh, (axis,)).members
        domain = cluster.domain_of_gpu[cluster.tier_index(name)][gpu_of_rank[members]]
        if np.any(domain != domain[:, :1]):
            return False
    return True
