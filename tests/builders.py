"""Small clusters, workloads and placements for tests, without any file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.placement.crossing import measure
from planner.placement.placement import Claims, Objective, Placement, Status, TierClaim
from planner.topology.cluster import Cluster, Tier
from planner.topology.presets import Gpu
from planner.workload.family import Family, Kind
from planner.workload.mesh import DEFAULT_RANK_ORDER, Mesh
from planner.workload.workload import Workload

TIER_NAMES = ("node", "rack", "unit", "pod", "zone")
LETTERS = "nrupz"
GPU = Gpu(
    name="test-gpu",
    tflops={"bf16": 1000.0},
    memory_bytes=80e9,
    memory_bytes_per_s=3e12,
    scale_up_bytes_per_s=450e9,
    nic_bytes_per_s=50e9,
)


def grid_cluster(*counts, **options):
    """A regular cluster: ``grid_cluster(2, 3, 4)`` has 2 racks of 3 nodes of 4 GPUs."""
    nested = counts[-1]
    for count in reversed(counts[:-1]):
        nested = [nested] * count
    return ragged_cluster(nested, **options)


def ragged_cluster(nested, *, uplinks=(), down=(), spare=(), boundary=0, nics=0, scale_up=None, name="test"):
    """A cluster from nested lists whose leaves are the GPUs of a node: ``[[4, 4], [3, 4]]``.

    `uplinks` has one entry a tier, innermost first: None, a number for every domain, or one number
    a domain; tiers left out have none. `down` and `spare` are GPU numbers. `nics` is the number of
    NICs of every node, of 50 GB/s each, NIC i on rail i.
    """
    levels = [[nested]]
    parents = []
    while isinstance(levels[-1][0], list):
        parents.append(np.array([i for i, d in enumerate(levels[-1]) for _ in d], np.int32))
        levels.append([inner for domain in levels[-1] for inner in domain])
    levels.reverse()
    parents = [*reversed(parents), np.zeros(0, np.int32)]
    limits = [*uplinks, *[None] * (len(levels) - len(uplinks))]
    names = (*TIER_NAMES[: len(levels) - 1], "cluster")
    tiers = tuple(
        Tier(
            tier_name,
            [name] if index == len(levels) - 1 else _names(LETTERS[index], parents[index]),
            parents[index],
            None if limits[index] is None else np.broadcast_to(np.float64(limits[index]), len(level)).copy(),
            scale_up if index == boundary else None,
        )
        for index, (tier_name, level) in enumerate(zip(names, levels, strict=True))
    )
    return _filled(name, tiers, levels[0], down, spare, boundary, nics)


def _names(letter, parent):
    """Own names that start again in every enclosing domain."""
    seen = {}
    names = []
    for domain in parent.tolist():
        names.append(f"{letter}{seen.get(domain, 0):02d}")
        seen[domain] = seen.get(domain, 0) + 1
    return names


def _filled(name, tiers, gpus_of_node, down, spare, boundary, nics):
    node = np.repeat(np.arange(len(gpus_of_node)), gpus_of_node).astype(np.int32)
    local = np.concatenate([np.arange(n) for n in gpus_of_node]).astype(np.int32)
    in_service = np.ones(len(node), np.bool_)
    in_service[list(down)] = False
    is_spare = np.zeros(len(node), np.bool_)
    is_spare[list(spare)] = True
    sizes = np.asarray(gpus_of_node)[node]
    nic = (local * nics // sizes if nics else np.full(len(node), -1)).astype(np.int32)
    nodes = len(gpus_of_node)
    bare = Cluster(
        name=name,
        tiers=tiers,
        boundary=boundary,
        host_names=(),
        gpu_kinds=(GPU,),
        gpu_node=node,
        gpu_local=local,
        gpu_kind=np.zeros(len(node), np.int32),
        gpu_in_service=in_service,
        gpu_spare=is_spare,
        gpu_nic=nic,
        gpu_rail=nic.copy(),
        nic_node=np.repeat(np.arange(nodes), nics).astype(np.int32),
        nic_local=np.tile(np.arange(nics), nodes).astype(np.int32),
        nic_rail=np.tile(np.arange(nics), nodes).astype(np.int32),
        nic_bytes_per_s=np.full(nodes * nics, 50e9),
        nic_in_service=np.ones(nodes * nics, np.bool_),
    )
    return replace(bare, host_names=[bare.domain_path(0, n).replace("/", "-") for n in range(nodes)])


def grid_family(axes, kind, payload, *, stages=None, name=None, mesh=None):
    """A family; a number as payload stands for the same bytes everywhere `mesh` needs one."""
    axes = (axes,) if isinstance(axes, str) else tuple(axes)
    if isinstance(payload, (int, float)):
        kind_ = Kind(kind)
        count = mesh.pp if mesh else 1
        if "pp" in axes:
            count = {Kind.PATH: count - 1, Kind.RING: count}.get(kind_, 1)
        payload = (float(payload),) * count
    return Family(name or "_".join(axes), axes, Kind(kind), tuple(map(float, payload)), stages)


def grid_workload(
    *, tp=1, cp=1, ep=1, dp=1, pp=1, vp=1, order=DEFAULT_RANK_ORDER, families=(), keep=None, memory=None
):
    """A workload on a mesh; `families` holds Family objects or argument tuples of `grid_family`."""
    mesh = Mesh(tp, cp, ep, dp, pp, vp, tuple(order))
    built = [each if isinstance(each, Family) else grid_family(*each, mesh=mesh) for each in families]
    # Two families of the same axes need two names.
    named = [replace(each, name=f"{each.name}{i}") if i else each for i, each in _numbered(built)]
    return Workload("test", mesh, tuple(named), keep or {}, memory, {})


def _numbered(families):
    seen = {}
    for each in families:
        yield seen.get(each.name, 0), each
        seen[each.name] = seen.get(each.name, 0) + 1


def claimed(cluster, workload, gpu_of_rank, *, objective=Objective.WEIGHTED, bound=0.0):
    """A placement whose claims are true: measured values, and lower bounds of `bound` times them."""
    gpu_of_rank = np.asarray(gpu_of_rank, np.int32)
    traffic = measure(cluster, workload, gpu_of_rank)
    value = traffic.value(objective)
    tiers = tuple(
        TierClaim(tier.name, crossing, bound * crossing)
        for tier, crossing in zip(cluster.tiers, traffic.tier_bytes, strict=True)
    )
    status = Status.OPTIMAL if bound * value == value else Status.FEASIBLE
    claims = Claims(objective, value, bound * value, status, traffic.weighted_s, tiers)
    return Placement(cluster, workload, gpu_of_rank, claims)
