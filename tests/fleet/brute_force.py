"""The best placement of tiny fleets, by trying every way in which ranks can lie in nodes."""

from __future__ import annotations

from itertools import product

import numpy as np

from planner.placement.recount import recount


def best_value(cluster, jobs, rules=(), free=None):
    """The least fleet objective, infinite where no placement obeys the rules.

    Parameters
    ----------
    jobs
        (workload, priority) of each job, or (workload, priority, fixed node of every rank).
    rules
        (kind, job indices, tier) of each rule.
    free
        GPUs that new jobs may use; those in service where not given.
    """
    free = cluster.gpu_in_service if free is None else free
    room = np.bincount(cluster.gpu_node[free], minlength=cluster.nodes)
    options = [_options(cluster, job, room) for job in jobs]
    best = np.inf
    for choice in product(*options):
        if (sum(each["held"] for each in choice) > room).any() or not _obeys(cluster, choice, rules):
            continue
        best = min(best, _value(cluster, choice))
    return best


def _options(cluster, job, room):
    """Every different way in which one job can lie in nodes."""
    workload, priority, *fixed = job
    world = workload.mesh.world_size
    found = {}
    for nodes in fixed or product(range(cluster.nodes), repeat=world):
        held = np.bincount(nodes, minlength=cluster.nodes)
        if not fixed and (held > room).any():
            continue
        domains = [np.array(nodes, np.int64)]
        for tier in cluster.tiers[:-1]:
            domains.append(tier.parent[domains[-1]].astype(np.int64))
        if not _keeps(cluster, workload, domains):
            continue
        egress = []
        for tier, traffic in zip(
            cluster.tiers, recount(workload.mesh, workload.families, domains), strict=True
        ):
            leaving = np.zeros(tier.domains)
            leaving[: len(traffic.egress_bytes)] = traffic.egress_bytes
            egress.append(leaving)
        touched = [set(each.tolist()) for each in domains]
        key = (tuple(held), tuple(np.concatenate(egress).round(9)))
        # A job that runs holds GPUs that are not free, so that it takes none of the room.
        found[key] = {
            "held": np.zeros_like(held) if fixed else held,
            "egress": egress,
            "touched": touched,
            "priority": priority,
        }
    return list(found.values())


def _keeps(cluster, workload, domains):
    mesh = workload.mesh
    ranks = np.arange(mesh.world_size)
    for axis, tier in workload.keep.items():
        others = [mesh.coordinate(a, ranks) for a in ("tp", "cp", "dp", "pp") if a != axis]
        domain = domains[cluster.tier_index(tier)]
        seen = {}
        for rank in ranks:
            key = tuple(int(each[rank]) for each in others)
            if seen.setdefault(key, domain[rank]) != domain[rank]:
                return False
    return True


def _obeys(cluster, choice, rules):
    for kind, jobs, tier in rules:
        held = [choice[job]["touched"][tier] for job in jobs]
        if kind == "together" and len(set.union(*held)) > 1:
            return False
        if kind == "apart" and sum(map(len, held)) > len(set.union(*held)):
            return False
    return True


def _value(cluster, choice):
    total = 0.0
    for index, uplink in enumerate(cluster.tier_uplink_bytes_per_s):
        if not uplink:
            continue
        leaving = np.stack([each["egress"][index] for each in choice])
        weights = np.array([each["priority"] for each in choice])
        shared = leaving.sum(axis=0) - leaving.max(axis=0)
        total += float((weights[:, None] * leaving).sum() + shared.sum()) / uplink
    return total
