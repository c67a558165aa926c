"""Puts the checked parts of an authored topology together as arrays."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.topology.checks import boundary_of
from planner.topology.cluster import Cluster
from planner.topology.health import Devices, Health, assign_nics
from planner.topology.names import LONGEST_NAME
from planner.topology.rows import host_names
from planner.topology.uplinks import Uplinks, degrade, in_doubt, uplinks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.source import Findings
    from planner.topology.cluster import BoolArray, FloatArray, IntArray
    from planner.topology.presets import Gpu
    from planner.topology.rows import Grid, RowNames
    from planner.topology.schema import Topology


@dataclass(frozen=True, eq=False)
class _Nodes:
    """Figures of every node, each of shape (nodes,)."""

    gpus: IntArray
    kind: IntArray
    nics: IntArray
    nic_bytes_per_s: FloatArray
    rails: BoolArray


def build(
    findings: Findings, spec: Topology, grid: Grid, names: Sequence[RowNames], row_gpu: Sequence[Gpu]
) -> Cluster:
    """The cluster; what is wrong with selectors, host names and uplinks is noted in `findings`.

    Parameters
    ----------
    names
        Names of each row by tier, outermost first.
    row_gpu
        GPU model of each row.
    """
    boundary = boundary_of(spec.tiers)
    kinds = tuple(dict.fromkeys(row_gpu))
    nodes = _nodes(spec, grid, np.array([kinds.index(gpu) for gpu in row_gpu], np.int32))
    gpu, nic = Devices.counted(nodes.gpus), Devices.counted(nodes.nics)
    health = Health(findings, grid, gpu, nic)
    in_service, nic_in_service = health.down(spec.down)
    nic_bytes_per_s = nodes.nic_bytes_per_s[nic.node]
    nic_uplinks = Uplinks(nic_bytes_per_s, nic_bytes_per_s * nic_in_service)
    whole = uplinks(spec, grid.tiers, grid.row_of_node, nic.node, nic_uplinks)
    _check_all_or_none(findings, spec, whole[boundary], boundary)
    now = degrade(health, spec, whole)
    gpu_nic = assign_nics(gpu, nodes.gpus, nodes.nics, nic_in_service)
    rail = np.where(nodes.rails[nic.node], nic.local, -1).astype(np.int32)
    cluster = Cluster(
        name=spec.name,
        tiers=tuple(
            replace(tier, uplink_bytes_per_s=uplink, scale_up_bytes_per_s=authored.scale_up)
            for tier, uplink, authored in zip(grid.tiers, now, spec.tiers, strict=True)
        ),
        boundary=boundary,
        host_names=_host_names(findings, spec, names),
        gpu_kinds=kinds,
        gpu_node=gpu.node,
        gpu_local=gpu.local,
        gpu_kind=nodes.kind[gpu.node],
        gpu_in_service=in_service,
        gpu_spare=health.spare(spec.spare),
        gpu_nic=np.where(gpu_nic >= 0, _at(nic.local, gpu_nic), -1).astype(np.int32),
        gpu_rail=np.where(gpu_nic >= 0, _at(rail, gpu_nic), -1).astype(np.int32),
        nic_node=nic.node,
        nic_local=nic.local,
        nic_rail=rail,
        nic_bytes_per_s=nic_bytes_per_s,
        nic_in_service=nic_in_service,
        fabric=spec.fabric,
        digest=findings.document.digest,
    )
    return _without_cut_off(cluster)


def _nodes(spec: Topology, grid: Grid, row_kind: IntArray) -> _Nodes:
    """Figures of the nodes, from those of their rows and of the first tier."""
    nics = [row.nics or spec.tiers[0].nics for row in spec.domains]
    row = grid.row_of_node
    return _Nodes(
        gpus=np.array([each.gpus for each in spec.domains], np.int32)[row],
        kind=row_kind[row],
        nics=np.array([each.count if each else 0 for each in nics], np.int32)[row],
        nic_bytes_per_s=np.array([each.bandwidth if each else 0.0 for each in nics])[row],
        rails=np.array([each.rails if each else True for each in nics])[row],
    )


def _at(values: IntArray, index: IntArray) -> IntArray:
    """`values` at `index`; anything at all where that is -1."""
    return values[index] if len(values) else index


def _check_all_or_none(findings: Findings, spec: Topology, whole: Uplinks | None, boundary: int) -> None:
    """Note a boundary tier of which only some domains have an uplink."""
    if whole is not None and np.isnan(whole.whole).any() and not in_doubt(findings, spec, boundary):
        findings.add(
            "T012",
            f"some {spec.tiers[boundary].name}s have NICs or an uplink, and others neither",
            ["tiers", boundary],
            expected="nics (or an uplink) for all rows or for none",
        )


def _host_names(findings: Findings, spec: Topology, names: Sequence[RowNames]) -> list[str]:
    """Host name of every node; two alike are noted."""
    if any(problem.code in ("T005", "T007") for problem in findings.problems):
        return []
    tiers = [tier.name for tier in spec.tiers]
    by_row = [
        host_names(tiers, each, row.host_name or spec.host_name)
        for row, each in zip(spec.domains, names, strict=True)
    ]
    hosts = [host for row in by_row for host in row]
    longest = max(hosts, key=len, default="")
    if len(longest) > LONGEST_NAME:
        findings.add(
            "T007",
            f"a host name of {len(longest)} characters, {longest[:30]!r}...",
            ["host_name"] if spec.host_name else ["domains"],
            expected=f"at most {LONGEST_NAME} characters",
        )
    if len(set(hosts)) < len(hosts):
        host, times = Counter(hosts).most_common(1)[0]
        row = next(index for index, each in enumerate(by_row) if host in each)
        own = spec.domains[row].host_name is not None
        findings.add(
            "T008",
            f"{times} nodes are called {host!r}",
            ["domains", row, "host_name"] if own else ["host_name"] if spec.host_name else ["domains", row],
            expected="a host name for each node",
            suggestion=f"{'-'.join(f'{{{tier}}}' for tier in reversed(tiers[:-1]))}",
        )
    return hosts


def _without_cut_off(cluster: Cluster) -> Cluster:
    """GPUs of boundary domains whose NICs are all out of service can reach nobody: so are they."""
    uplink = cluster.tiers[cluster.boundary].uplink_bytes_per_s
    if uplink is None or (uplink > 0).all():
        return cluster
    reached = uplink[cluster.domain_of_gpu[cluster.boundary]] > 0
    return replace(cluster, gpu_in_service=cluster.gpu_in_service & reached)
