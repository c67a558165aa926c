"""From a partition to the GPUs that each job may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.fleet.cut import Cut
    from planner.fleet.divide import Partition
    from planner.fleet.ground import Ground

    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int64]

NOBODY = -1


def parts_of(ground: Ground, partition: Partition) -> dict[int, BoolArray]:
    """The GPUs that each new job may use, by job, each of shape (gpus,); no GPU is in two parts.

    A domain that one job has to itself is that job's whole; where several share one, each gets as many
    GPUs of it as the partition says. What nobody needs goes to a job that alone uses a domain around it.
    Jobs that lie near each other because of a flow get what the partition says everywhere.
    """
    tier = ground.innermost
    owner = np.full(ground.cluster.gpus, NOBODY, np.int64)
    domain_of_gpu = ground.cluster.domain_of_gpu[tier]
    users = users_of(ground, partition)
    bound = near_by_flows(ground, users)
    for job in partition.gpus:
        if job not in bound:
            alone = sole_user(ground, users, job)
            owner[ground.usable(job) & alone[domain_of_gpu]] = job
    dealt = set(shared_domains(ground, partition))
    for job in bound & set(partition.gpus):
        dealt |= set(np.flatnonzero(partition.gpus[job]).tolist())
    for domain in sorted(dealt):
        for job, gpus in _dealt(ground, partition, domain):
            owner[gpus] = job
    return {job: owner == job for job in partition.gpus}


def near_by_flows(ground: Ground, users: list[BoolArray]) -> set[int]:
    """Jobs at either end of a flow whose ends share a domain of any tier that can be crossed."""
    near = set()
    for flow in ground.fleet.flows:
        if any((held[flow.source] & held[flow.target]).any() for held in users[:-1]):
            near |= {flow.source, flow.target}
    return near


def users_of(ground: Ground, partition: Partition) -> list[BoolArray]:
    """For each tier from the innermost on who is in each domain, shape (jobs, domains)."""
    cluster, inner = ground.cluster, min(ground.innermost, len(ground.cluster.tiers) - 1)
    held = np.zeros((len(ground.fleet.jobs), cluster.tiers[inner].domains), np.bool_)
    for job, gpus in partition.gpus.items():
        held[job] = gpus > 0
    for job, touched in ground.running_in.items():
        held[job] = touched[inner]
    users = [held]
    for tier in range(inner, len(cluster.tiers) - 1):
        parent = cluster.tiers[tier].parent
        outer = np.zeros((len(held), cluster.tiers[tier + 1].domains), np.bool_)
        for job, row in enumerate(users[-1]):
            outer[job, parent[row]] = True
        users.append(outer)
    return users


def sole_user(ground: Ground, users: list[BoolArray], job: int) -> BoolArray:
    """Innermost domains that are the job's alone, or unused in a domain that is; shape (domains,).

    A rule that keeps a job together ends the search for such domains at its tier.
    """
    cluster, inner = ground.cluster, min(ground.innermost, len(ground.cluster.tiers) - 1)
    most = min(
        (rule.tier for rule in ground.fleet.tier_rules if _binds(rule.kind, rule.jobs, job)),
        default=len(cluster.tiers) - 1,
    )
    alone = np.zeros(cluster.tiers[inner].domains, np.bool_)
    around: IntArray = np.arange(len(alone))
    for level, held in enumerate(users):
        tier = inner + level
        if tier > most:
            break
        alone |= (held[job] & (held.sum(axis=0) == 1))[around]
        if tier + 1 < len(cluster.tiers):
            around = cluster.tiers[tier].parent[around].astype(np.int64)
    return alone


def _binds(kind: str, jobs: tuple[int, ...], job: int) -> bool:
    return kind == "together" and job in jobs


def shared_domains(ground: Ground, partition: Partition) -> list[int]:
    """Innermost domains in which several jobs lie, those that run counted, and a new one does."""
    users = users_of(ground, partition)[0]
    new = np.zeros(users.shape[1], np.bool_)
    for gpus in partition.gpus.values():
        new |= gpus > 0
    return np.flatnonzero(new & (users.sum(axis=0) > 1)).tolist()


def _dealt(ground: Ground, partition: Partition, domain: int) -> Iterator[tuple[int, IntArray]]:
    """What each new job gets of one domain that is shared, largest cells first."""
    here = np.flatnonzero(ground.free & (ground.cluster.domain_of_gpu[ground.innermost] == domain))
    jobs = [job for job, gpus in partition.gpus.items() if gpus[domain]]
    # Who is pinned to less of it chooses first among equals.
    order = sorted(
        jobs,
        key=lambda job: (
            -partition.cuts[job].unit(ground.innermost),
            int(ground.usable(job)[here].sum()),
            job,
        ),
    )
    left = here
    for job in order:
        allowed = left[ground.usable(job)[left]]
        gpus = take(ground, partition.cuts[job], allowed, int(partition.gpus[job][domain]))
        left = left[~np.isin(left, gpus)]
        yield job, gpus


def take(ground: Ground, cut: Cut, gpus: IntArray, count: int) -> IntArray:
    """The first `count` GPUs in whole cells, or whole inner blocks where cells are larger than the domain.

    Fewer where fragments leave no room for them.
    """
    size, tier = (
        (cut.cell_ranks, cut.cell_tier)
        if cut.cell_tier <= ground.innermost
        else (cut.inner_ranks, cut.inner_tier)
    )
    if tier > ground.innermost:
        size, tier = 1, 0
    if size > cut.inner_ranks and cut.inner_tier < tier:
        gpus = whole_blocks(ground, gpus, cut.inner_ranks, cut.inner_tier)
    return whole_blocks(ground, gpus, size, tier)[:count]


def whole_blocks(ground: Ground, gpus: IntArray, size: int, tier: int) -> IntArray:
    """Of ascending GPUs the first of each domain of a tier, as many as make whole blocks."""
    domain = ground.cluster.domain_of_gpu[tier][gpus]
    _, start, counts = np.unique(domain, return_index=True, return_counts=True)
    index = np.arange(len(gpus)) - np.repeat(start, counts)
    kept: IntArray = gpus[index < np.repeat(counts // size * size, counts)]
    return kept
