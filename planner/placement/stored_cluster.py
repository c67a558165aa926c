"""A cluster as a section of the placement file, and back."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from planner.errors import InputError
from planner.placement.runs import (
    different_rows,
    from_ranges,
    from_runs,
    gather_pieces,
    require_size,
    run_starts,
    to_ranges,
    to_runs,
)
from planner.placement.schema import (
    Domains,
    GpuKind,
    IndexRuns,
    NodeShape,
    Ranges,
    RateRuns,
    TierSection,
    TopologySection,
)
from planner.topology import names
from planner.topology.cluster import Cluster, Tier
from planner.topology.presets import Gpu

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pydantic import JsonValue

    from planner.topology.fabric_schema import Fabric

    IntArray = NDArray[np.int32]

GPU_COLUMNS = ("gpu_kind", "gpu_nic", "gpu_rail")
NIC_COLUMNS = ("nic_local", "nic_rail", "nic_bytes_per_s", "nic_in_service")


def cluster_section(cluster: Cluster) -> TopologySection:
    """The section that `cluster_of` turns back into the same cluster."""
    shapes, shape_of_node = _node_shapes(cluster)
    values, counts = to_runs(shape_of_node)
    return TopologySection(
        name=cluster.name,
        boundary=cluster.tiers[cluster.boundary].name,
        tiers=[_tier_section(tier) for tier in cluster.tiers],
        gpu_kinds=[
            GpuKind(
                name=kind.name,
                tflops={precision: float(rate) for precision, rate in kind.tflops.items()},
                memory_bytes=kind.memory_bytes,
                memory_bytes_per_s=kind.memory_bytes_per_s,
                scale_up_bytes_per_s=kind.scale_up_bytes_per_s,
                nic_bytes_per_s=kind.nic_bytes_per_s,
            )
            for kind in cluster.gpu_kinds
        ],
        node_shapes=shapes,
        shape_of_node=IndexRuns(values=[int(value) for value in values], counts=counts),
        out_of_service=_ranges(~cluster.gpu_in_service),
        spare=_ranges(cluster.gpu_spare),
        host_names=list(cluster.host_names),
        fabric=_fabric_document(cluster.fabric),
        authored_digest=cluster.digest,
    )


def cluster_of(section: TopologySection) -> Cluster:
    """The cluster that a section describes.

    Raises
    ------
    ValueError
        Where parts of it contradict each other, with what is wrong.
    """
    tiers = _tiers(section.tiers)
    shape_of_node = from_runs(section.shape_of_node.values, section.shape_of_node.counts, np.int32)
    _require(len(shape_of_node) == tiers[0].domains, "shape_of_node", "one entry a node")
    _require(len(section.host_names) == tiers[0].domains, "host_names", "one name a node")
    _require(len(set(section.host_names)) == len(section.host_names), "host_names", "different names")
    _require(names.are_names(section.host_names), "host_names", names.NAME_FORM)
    _require((shape_of_node < len(section.node_shapes)).all(), "shape_of_node", "indices of node_shapes")
    columns = _gpu_columns(section, shape_of_node) | _nic_columns(section, shape_of_node)
    gpus = len(columns["gpu_node"])
    tier_names = [tier.name for tier in tiers]
    _require(section.boundary in tier_names, "boundary", "the name of a tier")
    kinds = tuple(
        Gpu(
            kind.name,
            dict(kind.tflops),
            kind.memory_bytes,
            kind.memory_bytes_per_s,
            kind.scale_up_bytes_per_s,
            kind.nic_bytes_per_s,
        )
        for kind in section.gpu_kinds
    )
    _require((columns["gpu_kind"] < len(kinds)).all(), "node_shapes.gpu_kind", "indices of gpu_kinds")
    return Cluster(
        name=section.name,
        tiers=tiers,
        boundary=tier_names.index(section.boundary),
        host_names=section.host_names,
        gpu_kinds=kinds,
        gpu_in_service=~from_ranges(section.out_of_service.first, section.out_of_service.last, gpus),
        gpu_spare=from_ranges(section.spare.first, section.spare.last, gpus),
        fabric=_fabric(section.fabric),
        digest=section.authored_digest,
        **columns,
    )


def _fabric_document(fabric: Fabric | None) -> dict[str, JsonValue] | None:
    """The fabric as an author would write it, so that it is read by the same rules."""
    return None if fabric is None else _with_units(fabric.model_dump(mode="json"))


def _with_units(mapping: dict[str, Any]) -> dict[str, JsonValue]:
    """Bandwidths, the only fractions of a fabric, with their unit."""
    return {key: _with_unit(value) for key, value in mapping.items()}


def _with_unit(value: Any) -> JsonValue:
    if isinstance(value, dict):
        return _with_units(value)
    if isinstance(value, list):
        return [_with_unit(each) for each in value]
    return f"{value!r} B/s" if isinstance(value, float) else value


def _fabric(document: dict[str, JsonValue] | None) -> Fabric | None:
    if document is None:
        return None
    # The rules of authored files are needed for a fabric alone.
    from planner.topology.fabric_schema import Fabric

    try:
        fabric: Fabric = TypeAdapter(Fabric).validate_python(document)
    except ValidationError as error:
        raise ValueError(f"topology.fabric: {error.errors()[0]['msg']}") from None
    return fabric


def _require(holds: object, part: str, expected: str) -> None:
    if not holds:
        raise ValueError(f"topology.{part}: expected {expected}")


def _ranges(mask: NDArray[np.bool_]) -> Ranges:
    first, last = to_ranges(mask)
    return Ranges(first=first, last=last)


def _tier_section(tier: Tier) -> TierSection:
    uplink = None
    if tier.uplink_bytes_per_s is not None:
        values, counts = to_runs(tier.uplink_bytes_per_s)
        uplink = RateRuns(values=[float(value) for value in values], counts=counts)
    return TierSection(
        name=tier.name,
        domains=_domains(tier),
        uplink_bytes_per_s=uplink,
        scale_up_bytes_per_s=tier.scale_up_bytes_per_s,
    )


def _domains(tier: Tier) -> list[Domains]:
    """Names of the domains, parent by parent; parents in a row with equal children are one entry."""
    parent = tier.parent if len(tier.parent) else np.zeros(tier.domains, np.int32)
    starts = run_starts(parent).tolist()
    entries: list[tuple[int, list[str], int]] = []
    for start, end in zip(starts, [*starts[1:], tier.domains], strict=True):
        own, enclosing = list(tier.names[start:end]), int(parent[start])
        if entries and entries[-1][1] == own and entries[-1][0] + entries[-1][2] == enclosing:
            entries[-1] = (entries[-1][0], own, entries[-1][2] + 1)
        else:
            entries.append((enclosing, own, 1))
    return [Domains(parent=first, names=_packed(own), repeat=repeat) for first, own, repeat in entries]


def _packed(own: list[str]) -> str | list[str]:
    """A range of names where it stands for exactly these names, else the names."""
    packed = names.compress(own)
    try:
        return packed if names.expand(packed) == own else own
    except InputError:
        # A name that no range can spell, such as one with a space.
        return own


def _tiers(sections: Sequence[TierSection]) -> tuple[Tier, ...]:
    """The tiers, outermost last, each parent checked against the tier that holds it."""
    tiers: list[Tier] = []
    enclosing = 0
    for section in reversed(sections):
        own, parent = _unpacked(section)
        part = f"tiers.{section.name}.domains"
        _require(len(own) > 0, part, "at least one domain")
        _require((parent < max(enclosing, 1)).all(), part, "parents that are domains of the next tier")
        _require(tiers or len(own) == 1, part, "one domain, the whole cluster")
        _require(not tiers or all(map(names.is_name, set(own))), part, names.NAME_FORM)
        tiers.append(
            Tier(
                section.name,
                own,
                parent if tiers else np.zeros(0, np.int32),
                _uplink(section, len(own)),
                section.scale_up_bytes_per_s,
            )
        )
        enclosing = len(own)
    _require(len({tier.name for tier in tiers}) == len(tiers), "tiers", "different names")
    return tuple(reversed(tiers))


def _unpacked(section: TierSection) -> tuple[list[str], IntArray]:
    own: list[list[str]] = []
    parents: list[IntArray] = []
    total = 0
    for entry in section.domains:
        number = names.count(entry.names) if isinstance(entry.names, str) else len(entry.names)
        total += number * entry.repeat
        require_size(total)
        children = names.expand(entry.names) if isinstance(entry.names, str) else entry.names
        own.append(children * entry.repeat)
        parents.append(np.repeat(np.arange(entry.parent, entry.parent + entry.repeat), number))
    parent = np.concatenate(parents) if parents else np.zeros(0, np.int64)
    return list(chain.from_iterable(own)), np.minimum(parent, 2**31 - 1).astype(np.int32)


def _uplink(section: TierSection, domains: int) -> NDArray[np.float64] | None:
    runs = section.uplink_bytes_per_s
    if runs is None:
        return None
    uplink = from_runs(runs.values, runs.counts, np.float64)
    _require(len(uplink) == domains, f"tiers.{section.name}.uplink_bytes_per_s", "one entry a domain")
    return uplink


def _node_shapes(cluster: Cluster) -> tuple[list[NodeShape], IntArray]:
    """The different kinds of node in order of first appearance, and which one each node is."""
    gpus = np.bincount(cluster.gpu_node, minlength=cluster.nodes)
    nics = np.bincount(cluster.nic_node, minlength=cluster.nodes)
    gpu_start, nic_start = np.cumsum(gpus) - gpus, np.cumsum(nics) - nics
    shapes: list[NodeShape] = []
    shape_of_node = np.full(cluster.nodes, -1, np.int32)
    sizes, size_of_node = different_rows((gpus[:, None], nics[:, None]))
    for size, node in enumerate(sizes.tolist()):
        nodes = np.flatnonzero(size_of_node == size)
        gpu_at = gpu_start[nodes][:, None] + np.arange(gpus[node])
        nic_at = nic_start[nodes][:, None] + np.arange(nics[node])
        columns = [getattr(cluster, name)[gpu_at] for name in GPU_COLUMNS]
        columns += [getattr(cluster, name)[nic_at] for name in NIC_COLUMNS]
        first, found = different_rows(columns)
        shape_of_node[nodes] = len(shapes) + found
        shapes += [
            _node_shape(cluster, gpu_at[row].astype(np.int64), nic_at[row].astype(np.int64))
            for row in first.tolist()
        ]
    return _by_appearance(shapes, shape_of_node)


def _node_shape(cluster: Cluster, gpus: NDArray[np.int64], nics: NDArray[np.int64]) -> NodeShape:
    columns = {name: getattr(cluster, name)[gpus].tolist() for name in GPU_COLUMNS}
    columns |= {name: getattr(cluster, name)[nics].tolist() for name in NIC_COLUMNS}
    return NodeShape(**columns)


def _by_appearance(shapes: list[NodeShape], shape_of_node: IntArray) -> tuple[list[NodeShape], IntArray]:
    _, first = np.unique(shape_of_node, return_index=True)
    order = np.argsort(first)
    place = np.argsort(order).astype(np.int32)
    return [shapes[each] for each in order.tolist()], place[shape_of_node]


def _gpu_columns(section: TopologySection, shape_of_node: IntArray) -> dict[str, Any]:
    lengths = _lengths(section, GPU_COLUMNS, "one entry a GPU")
    pieces = gather_pieces(lengths, shape_of_node)
    columns: dict[str, Any] = {name: _laid_out(section, name, np.int32)[pieces] for name in GPU_COLUMNS}
    nodes = np.arange(len(shape_of_node), dtype=np.int32)
    within = [np.arange(n, dtype=np.int32) for n in lengths.tolist()]
    columns["gpu_node"] = np.repeat(nodes, lengths[shape_of_node])
    columns["gpu_local"] = np.concatenate([*within, np.zeros(0, np.int32)])[pieces]
    return columns


def _nic_columns(section: TopologySection, shape_of_node: IntArray) -> dict[str, Any]:
    lengths = _lengths(section, NIC_COLUMNS, "one entry a NIC")
    pieces = gather_pieces(lengths, shape_of_node)
    types = {"nic_bytes_per_s": np.float64, "nic_in_service": np.bool_}
    columns: dict[str, Any] = {
        name: _laid_out(section, name, types.get(name, np.int32))[pieces] for name in NIC_COLUMNS
    }
    nodes = np.arange(len(shape_of_node), dtype=np.int32)
    columns["nic_node"] = np.repeat(nodes, lengths[shape_of_node])
    return columns


def _lengths(section: TopologySection, columns: Sequence[str], expected: str) -> NDArray[np.int64]:
    """Length of the given columns of every shape; they must agree."""
    lengths = [[len(getattr(shape, name)) for name in columns] for shape in section.node_shapes]
    _require(all(len(set(each)) == 1 for each in lengths), f"node_shapes ({', '.join(columns)})", expected)
    return np.array([each[0] for each in lengths], np.int64)


def _laid_out(section: TopologySection, name: str, dtype: type[np.generic]) -> NDArray[np.generic]:
    """One column of all shapes, end to end."""
    return np.array([value for shape in section.node_shapes for value in getattr(shape, name)], dtype)
