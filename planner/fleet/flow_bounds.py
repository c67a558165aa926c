"""What a flow must cost wherever its two jobs lie.

**Weights.** A domain in which x ranks need some holds a whole cell of the receiver at the least, and so
needs at least the w bytes that differ in the lightest cell. Of its C GPUs at most C - x send, and each of
these holds at most h bytes. So

    max(0, w - (C - x) h)

bytes come in, and over the ranks that receive that is at least the smallest ratio of it to x, which is a
number of whole cells. Domains of the smallest ratios are taken to be filled first.

**Samples, keys and values.** With x ranks of the sender in whole cells, a domain of C GPUs keeps at home at
most the smaller of x and of the whole cells of the receiver that C - x hold, as shares of their jobs: g(x).
The sum of g over the domains, under the condition that the x add up, is at most its Lagrangian

    sum of max over x of (g(x) - m x)  +  m * ranks of the sender

for every m; the least over m that a search finds counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.fleet.flows import shards
from planner.placement.crossing import weighted_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.fleet.flows import Flow
    from planner.fleet.ground import Ground

SEARCH_STEPS = 60
ROUNDING = 1e-12


def least_seconds(ground: Ground, flow: Flow, ranks: Sequence[int]) -> float:
    """Seconds of uplink time that a step of the flow needs at the least; `ranks` has those of every job."""
    cluster = ground.cluster
    tiers = [0.0] * len(cluster.tiers)
    for tier in range(cluster.boundary, ground.outermost):
        tiers[tier] = least_crossing(ground, flow, tier, ranks)
    return weighted_seconds(cluster, tiers) / flow.every


def least_crossing(ground: Ground, flow: Flow, tier: int, ranks: Sequence[int]) -> float:
    """Bytes of a flow that cross a tier at the least, each time; 0 where that is not known."""
    if flow.kind == "weights":
        if flow.target in ground.running_in:
            return least_to_running(ground, flow, tier)
        return least_bytes(ground, flow, tier, ranks[flow.target])
    if flow.source in ground.running_in or flow.target in ground.running_in:
        return 0.0
    at_home = most_at_home(ground, flow, tier, ranks[flow.source], ranks[flow.target])
    return flow.total_bytes * max(0.0, 1.0 - at_home - ROUNDING)


def most_at_home(ground: Ground, flow: Flow, tier: int, senders: int, receivers: int) -> float:
    """Largest share of what goes from copy to copy that can stay in domains of a tier."""
    units = [ground.cuts[job][-1].unit(tier) for job in (flow.source, flow.target)]
    kept = []
    sizes, counts = np.unique(ground.free_in[tier][ground.free_in[tier] > 0], return_counts=True)
    for size in sizes.tolist():
        sending = np.arange(0, min(size, senders) + 1, units[0])
        receiving = (size - sending) // units[1] * units[1]
        kept.append((sending, np.minimum(np.minimum(sending / senders, receiving / receivers), 1.0)))

    def lagrangian(price: float) -> float:
        most = [float((share - price * sending).max()) for sending, share in kept]
        return float(np.dot(counts, most)) + price * senders

    # It is convex in the price, and no GPU of the sender can keep more at home than its own share.
    low, high = 0.0, 1.0 / senders
    for _ in range(SEARCH_STEPS):
        third = (high - low) / 3
        if lagrangian(low + third) <= lagrangian(high - third):
            high -= third
        else:
            low += third
    return min(1.0, lagrangian((low + high) / 2), lagrangian(0.0), lagrangian(1.0 / senders))


def least_bytes(ground: Ground, flow: Flow, tier: int, ranks: int) -> float:
    """Bytes of weights that come into domains of a tier at the least, each time, for `ranks` that receive."""
    size = ground.cuts[flow.target][-1].unit(tier)
    needed, held = lightest_cell(ground, flow, tier), heaviest_rank(ground, flow)
    free = ground.free_in[tier]
    room = free + _senders_that_run(ground, flow, tier)
    ratios = {
        pair: _least_ratio(*pair, size, needed, held)
        for pair in set(zip(free.tolist(), room.tolist(), strict=True))
        if pair[0] >= size
    }
    left, total = ranks, 0.0
    pairs = [pair for pair in zip(free.tolist(), room.tolist(), strict=True) if pair in ratios]
    for pair in sorted(pairs, key=lambda each: (ratios[each], -each[0])):
        taken = min(left, pair[0] // size * size)
        total += taken * ratios[pair]
        left -= taken
    return total


def least_to_running(ground: Ground, flow: Flow, tier: int) -> float:
    """Bytes of weights that come into domains of a tier at the least, each time, for a receiver that runs.

    What each domain needs is known; no more of it can be there than senders on its free GPUs hold.
    """
    running = ground.fleet.jobs[flow.target].running
    if running is None or flow.source in ground.running_in:
        return 0.0
    home = ground.cluster.domain_of_gpu[tier][running.gpu_of_rank]
    needed = np.zeros(ground.cluster.tiers[tier].domains)
    for shard in shards(flow, ground.fleet.jobs[flow.source].sizes.base.mesh, running.workload.mesh):
        needed[np.unique(home[shard.takers])] += shard.size_bytes
    held = ground.free_in[tier] * heaviest_rank(ground, flow)
    return float(np.maximum(0.0, needed * (1.0 - ROUNDING) - held).sum())


def _senders_that_run(ground: Ground, flow: Flow, tier: int) -> np.ndarray:
    """GPUs of each domain on which the sender runs already, shape (domains,)."""
    domains = ground.cluster.tiers[tier].domains
    running = ground.fleet.jobs[flow.source].running
    if running is None:
        return np.zeros(domains, np.int64)
    return np.bincount(ground.cluster.domain_of_gpu[tier][running.gpu_of_rank], minlength=domains)


def lightest_cell(ground: Ground, flow: Flow, tier: int) -> float:
    """Bytes that differ in what rules keep together in a domain, of the stage where they are fewest."""
    base = ground.fleet.jobs[flow.target].sizes.base
    mesh = base.mesh
    together = {axis for axis, name in base.keep.items() if ground.cluster.tier_index(name) <= tier}
    share = 1.0 if "tp" in together else 1 / mesh.tp
    expert_share = share * (1.0 if "ep" in together else 1 / mesh.ep)
    stages = [0.0] * mesh.pp
    for common in flow.common:
        stages[common.target_stage] += common.dense_bytes * share + common.expert_bytes * expert_share
    return min(stages)


def heaviest_rank(ground: Ground, flow: Flow) -> float:
    """Bytes that a rank of the sender holds, of the stage where they are most."""
    mesh = ground.fleet.jobs[flow.source].sizes.base.mesh
    stages = [0.0] * mesh.pp
    for common in flow.common:
        each = common.dense_bytes / mesh.tp + common.expert_bytes / mesh.tp / mesh.ep
        stages[common.source_stage] += each
    return max(stages)


def _least_ratio(free: int, room: int, size: int, needed: float, held: float) -> float:
    """Least bytes that come in for each rank that receives, in whole cells, in a domain of so many GPUs."""
    receiving = np.arange(size, free + 1, size, dtype=np.float64)
    comes_in = np.maximum(0.0, needed - (room - receiving) * held)
    return float((comes_in / receiving).min())
