"""The exhaustive optimum of tiny jobs, counted from the definitions and nothing else."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np

from planner.workload.family import Kind


def every_assignment(room, ranks):
    """All ways to seat `ranks` ranks in nodes of the given room, shape (ways, ranks)."""
    rows = [()]
    for _ in range(ranks):
        rows = [(*row, node) for row in rows for node in range(len(room)) if row.count(node) < room[node]]
    return np.asarray(rows, np.int32).reshape(-1, ranks)


def groups(mesh, family):
    """(stage, ranks in axis order) of every group, found by comparing coordinates."""
    folded = set(family.axes) & {"ep", "edp"}
    basis = ("tp", "ep", "edp", "pp") if folded else ("tp", "cp", "dp", "pp")
    buckets = {}
    for rank in range(mesh.world_size):
        at = {axis: int(mesh.coordinate(axis, rank)) for axis in basis}
        if family.stages is not None and at["pp"] not in family.stages:
            continue
        key = tuple(at[axis] for axis in basis if axis not in family.axes)
        order = tuple(at[axis] for axis in reversed(family.axes))
        buckets.setdefault(key, []).append((order, rank, at["pp"]))
    for members in buckets.values():
        members.sort()
        yield (0 if "pp" in family.axes else members[0][2]), [rank for _, rank, _ in members]


def crossing(mesh, families, domain):
    """Crossing bytes of every assignment at one tier; `domain` has shape (ways, ranks)."""
    total = np.zeros(len(domain))
    for family in families:
        for stage, group in groups(mesh, family):
            total += _group_bytes(family, stage, group, domain)
    return total


def egress(mesh, families, domain, count):
    """Bytes that leave each domain in every assignment, shape (ways, count)."""
    out = np.zeros((len(domain), count))
    for family in families:
        for stage, group in groups(mesh, family):
            for each in range(count):
                out[:, each] += _group_egress(family, stage, group, domain, each)
    return out


def _edges(family, group):
    pairs = list(pairwise(group))
    if family.kind is Kind.RING and len(group) > 1:
        pairs.append((group[-1], group[0]))
    return pairs


def _payload(family, stage, position):
    return family.payload_bytes[position if "pp" in family.axes else stage]


def _touched(group, domain):
    inside = np.sort(domain[:, group], axis=1)
    return 1 + (np.diff(inside, axis=1) != 0).sum(axis=1)


FACTOR = {Kind.ALL_REDUCE: 2, Kind.ALL_GATHER: 1, Kind.REDUCE_SCATTER: 1, Kind.BROADCAST: 1}


def _group_bytes(family, stage, group, domain):
    if family.kind in (Kind.PATH, Kind.RING):
        return sum(
            _payload(family, stage, i) * (domain[:, a] != domain[:, b])
            for i, (a, b) in enumerate(_edges(family, group))
        ) + np.zeros(len(domain))
    payload = _payload(family, stage, 0)
    if family.kind is Kind.ALL_TO_ALL:
        return payload * sum(
            (2.0 * (domain[:, a] != domain[:, b]) for a, b in combinations(group, 2)), np.zeros(len(domain))
        )
    return FACTOR[family.kind] * payload * (_touched(group, domain) - 1.0)


def _group_egress(family, stage, group, domain, each):
    here = domain[:, group] == each
    if family.kind in (Kind.PATH, Kind.RING):
        return sum(
            _payload(family, stage, i) / 2 * ((domain[:, a] == each) ^ (domain[:, b] == each))
            for i, (a, b) in enumerate(_edges(family, group))
        ) + np.zeros(len(domain))
    payload, inside = _payload(family, stage, 0), here.sum(axis=1)
    if family.kind is Kind.ALL_TO_ALL:
        return payload * inside * (len(group) - inside)
    touched = _touched(group, domain)
    return FACTOR[family.kind] * payload * (touched - 1.0) / touched * (inside > 0)


def allowed_domains(cluster, workload, available):
    """For each tier the domain of every rank, shape (ways, ranks), in every way that obeys the rules."""
    mesh = workload.mesh
    room = np.bincount(cluster.gpu_node[available], minlength=cluster.nodes)
    at = [every_assignment(room, mesh.world_size)]
    for tier in cluster.tiers[:-1]:
        at.append(tier.parent[at[-1]])
    allowed = np.ones(len(at[0]), bool)
    for axis, name in workload.keep.items():
        domain = at[cluster.tier_index(name)]
        probe = type("Axis", (), {"axes": (axis,), "stages": None})()
        for _, group in groups(mesh, probe):
            allowed &= (domain[:, group] == domain[:, group[:1]]).all(axis=1)
    return [domain[allowed] for domain in at]


def tier_minima(cluster, workload, available):
    """Least crossing bytes of every tier but the outermost, each on its own; None if no way is allowed."""
    at = allowed_domains(cluster, workload, available)
    if not len(at[0]):
        return None
    return [float(crossing(workload.mesh, workload.families, domain).min()) for domain in at[:-1]]


def optimum(cluster, workload, objective, available):
    """(least value, least J among those) over every placement that obeys the rules; None if none does."""
    mesh = workload.mesh
    at = allowed_domains(cluster, workload, available)
    if not len(at[0]):
        return None
    weighted, worst = np.zeros(len(at[0])), np.zeros(len(at[0]))
    for tier, total in enumerate(cluster.tier_uplink_bytes_per_s):
        if total:
            weighted += crossing(mesh, workload.families, at[tier]) / total
            out = egress(mesh, workload.families, at[tier], cluster.tiers[tier].domains)
            worst = np.maximum(worst, (out / cluster.tiers[tier].uplink_bytes_per_s).max(axis=1))
    value = {
        "weighted": weighted,
        "bottleneck": worst,
        "cross_node": crossing(mesh, workload.families, at[cluster.boundary]),
    }[objective]
    return float(value.min()), float(weighted[value <= value.min() * (1 + 1e-12)].min())
