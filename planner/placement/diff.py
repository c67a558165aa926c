"""What differs between two placements: which ranks moved, and what it did to each tier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.crossing import measure
from planner.placement.same_part import differ_in_replicas, earlier_rank
from planner.placement.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.placement.placement import Objective, Placement
    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload


@dataclass(frozen=True)
class TierChange:
    """Crossing bytes of one tier before and after; None where a cluster has no such tier."""

    tier: str
    before_bytes: float | None
    after_bytes: float | None


@dataclass(frozen=True)
class Flow:
    """Ranks that went from one domain of the boundary tier to another, by the domains' paths."""

    source: str
    target: str
    ranks: int


@dataclass(frozen=True)
class Difference:
    """What differs between two placements.

    Parameters
    ----------
    before, after
        The placements.
    cluster_changes, workload_changes
        What else differs, in words; empty where clusters and workloads are alike.
    ranks
        Ranks that both have and that were compared.
    earlier
        Rank in the first placement of each rank of the second, shape (world_size,); -1 for none.
    moved
        Ranks of the second on another GPU, by host name and index in the host, shape (moved,), ascending.
    changed_node
        Of those the ones on another host.
    flows
        The moves between domains of the node boundary, most ranks first.
    tiers
        One entry a tier of either.
    objective
        What the values are of; None where the two were planned for different objectives.
    values
        Its value before and after.
    """

    before: Placement
    after: Placement
    cluster_changes: tuple[str, ...]
    workload_changes: tuple[str, ...]
    ranks: int
    earlier: NDArray[np.int32]
    moved: NDArray[np.int64]
    changed_node: NDArray[np.int64]
    flows: tuple[Flow, ...]
    tiers: tuple[TierChange, ...]
    objective: Objective | None
    values: tuple[float, float]

    @property
    def same(self) -> bool:
        """Whether clusters and workloads are alike and no rank moved."""
        return not (self.cluster_changes or self.workload_changes or self.moved.size)


def diff(before: Placement, after: Placement) -> Difference:
    """Compare two placements rank by rank.

    GPUs are the same where host name and index in the host are, so that the clusters may differ.
    Ranks are compared by number, or where only the number of replicas differs as `earlier_rank` finds
    them; where the meshes differ otherwise, `workload_changes` says so first.
    """
    earlier = earlier_rank(before, after)
    moved, changed_node = _moved(before, after, earlier)
    here = measure(before.cluster, before.workload, before.gpu_of_rank)
    there = measure(after.cluster, after.workload, after.gpu_of_rank)
    same_objective = before.claims.objective == after.claims.objective
    return Difference(
        before=before,
        after=after,
        cluster_changes=tuple(cluster_changes(before.cluster, after.cluster)),
        workload_changes=tuple(workload_changes(before.workload, after.workload)),
        ranks=int(np.count_nonzero(earlier >= 0)),
        earlier=earlier,
        moved=moved,
        changed_node=changed_node,
        flows=_flows(before, after, earlier, moved),
        tiers=tuple(_tier_changes(before.cluster, here.tier_bytes, after.cluster, there.tier_bytes)),
        objective=before.claims.objective if same_objective else None,
        values=(here.value(before.claims.objective), there.value(after.claims.objective)),
    )


def cluster_changes(before: Cluster, after: Cluster) -> Iterator[str]:
    """What differs between two clusters, each in a few words."""
    if before.name != after.name:
        yield f"topology {before.name} against {after.name}"
    tiers = [[tier.name for tier in each.tiers] for each in (before, after)]
    if tiers[0] != tiers[1]:
        yield f"tiers {', '.join(tiers[0])} against {', '.join(tiers[1])}"
    old, new = set(before.host_names), set(after.host_names)
    if old - new:
        yield f"{_hosts(old - new)} no longer there"
    if new - old:
        yield f"{_hosts(new - old)} added"
    if before.gpus != after.gpus:
        yield f"{plural(before.gpus, 'GPU')} against {after.gpus:,}"
    elif not np.array_equal(before.gpu_in_service, after.gpu_in_service):
        lost = int((before.gpu_in_service & ~after.gpu_in_service).sum())
        back = int((~before.gpu_in_service & after.gpu_in_service).sum())
        yield f"{plural(lost, 'GPU')} newly out of service, {back} back in service"
    if tiers[0] == tiers[1]:
        yield from _uplink_changes(before, after)


def workload_changes(before: Workload, after: Workload) -> Iterator[str]:
    """What differs between two workloads, each in a few words."""
    if before.name != after.name:
        yield f"workload {before.name} against {after.name}"
    replicas = differ_in_replicas(before.mesh, after.mesh)
    meaning = "replicas are compared by where they run" if replicas else "a rank is another part of the job"
    for axis in ("tp", "cp", "ep", "pp", "dp", "vp"):
        old, new = before.mesh.degree(axis), after.mesh.degree(axis)
        if old != new:
            yield f"{axis} {old} against {new}: {meaning}"
    if before.mesh.rank_order != after.mesh.rank_order:
        yield (
            f"rank order {'-'.join(before.mesh.rank_order)} against {'-'.join(after.mesh.rank_order)}: "
            "a rank is another part of the job"
        )
    if before.families != after.families:
        names = [{family.name: family for family in each.families} for each in (before, after)]
        differing = sorted(name for name in names[0] | names[1] if names[0].get(name) != names[1].get(name))
        yield f"traffic of {', '.join(differing)}" if differing else "order of the traffic families"
    if dict(before.keep) != dict(after.keep):
        yield f"keep {dict(before.keep)} against {dict(after.keep)}"
    if before.memory_bytes != after.memory_bytes:
        yield "memory that the stages need"


def _hosts(names: set[str]) -> str:
    shown = sorted(names)[:3]
    more = len(names) - len(shown)
    return f"host{'s' if len(names) > 1 else ''} {', '.join(shown)}" + (f" and {more} more" if more else "")


def _uplink_changes(before: Cluster, after: Cluster) -> Iterator[str]:
    for old, new in zip(before.tiers, after.tiers, strict=True):
        first, second = old.uplink_bytes_per_s, new.uplink_bytes_per_s
        if (first is None) != (second is None):
            yield f"tier {old.name} {'has uplinks now' if first is None else 'has no uplinks any more'}"
        elif first is not None and second is not None and not np.array_equal(first, second):
            yield f"uplinks of tier {old.name}"


def _moved(
    before: Placement, after: Placement, earlier: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ranks on another GPU, and of those the ones on another host."""
    both = np.flatnonzero(earlier >= 0)
    old, new = before.gpu_of_rank[earlier[both]], after.gpu_of_rank[both]
    node_of = {name: node for node, name in enumerate(after.cluster.host_names)}
    known = np.array([node_of.get(name, -1) for name in before.cluster.host_names], np.int64)
    other_node = known[before.cluster.gpu_node[old]] != after.cluster.gpu_node[new]
    other_gpu = before.cluster.gpu_local[old] != after.cluster.gpu_local[new]
    return both[other_node | other_gpu], both[other_node]


def _flows(
    before: Placement, after: Placement, earlier: NDArray[np.int32], moved: NDArray[np.int64]
) -> tuple[Flow, ...]:
    """How many of the moved ranks went from which domain to which."""
    source, target = (
        each.cluster.domain_of_gpu[each.cluster.boundary][each.gpu_of_rank[ranks]].astype(np.int64)
        for each, ranks in ((before, earlier[moved]), (after, moved))
    )
    width = after.cluster.tiers[after.cluster.boundary].domains
    pairs, counts = np.unique(source * width + target, return_counts=True)
    flows = [
        Flow(
            before.cluster.domain_path(before.cluster.boundary, pair // width),
            after.cluster.domain_path(after.cluster.boundary, pair % width),
            count,
        )
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True)
    ]
    return tuple(sorted(flows, key=lambda flow: -flow.ranks))


def _tier_changes(
    before: Cluster, old: tuple[float, ...], after: Cluster, new: tuple[float, ...]
) -> Iterator[TierChange]:
    first = {tier.name: crossing for tier, crossing in zip(before.tiers, old, strict=True)}
    second = {tier.name: crossing for tier, crossing in zip(after.tiers, new, strict=True)}
    for name in first | second:
        yield TierChange(name, first.get(name), second.get(name))
