"""What the schema of a topology file cannot say: how its parts must fit together."""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import TYPE_CHECKING

from planner.errors import InputError, did_you_mean
from planner.topology import fabric_schema
from planner.topology.fabric import find_end, switch_list
from planner.topology.presets import UNSPECIFIED, Gpu, from_figures, preset
from planner.topology.rows import check_template
from planner.topology.schema import RESERVED, GpuFigures
from planner.topology.selectors import Selectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.source import Findings
    from planner.topology.cluster import Tier
    from planner.topology.schema import GpuSpec, TierSpec, Topology


def boundary_of(tiers: Sequence[TierSpec]) -> int:
    """The tier at which traffic goes onto NICs: the one with ``scale_up``, else the node."""
    return next((index for index, tier in enumerate(tiers) if tier.scale_up is not None), 0)


def check_tiers(findings: Findings, tiers: Sequence[TierSpec]) -> None:
    """Note tiers whose names, uplinks, NICs or scale-up domains make no sense together."""
    _check_names(findings, tiers)
    boundary = boundary_of(tiers)
    for index, tier in enumerate(tiers):
        where = ("tiers", index)
        if tier.nics is not None and index > 0:
            findings.add(
                "T020",
                f"nics belong to the node, not to {tier.name!r}",
                (*where, "nics"),
                key=True,
                expected=f"nics on the first tier, {tiers[0].name!r}",
            )
        if tier.scale_up is not None and index != boundary:
            findings.add(
                "T016",
                f"{tier.name!r} is a second scale-up tier; {tiers[boundary].name!r} is one already",
                (*where, "scale_up"),
                key=True,
                expected="scale_up on one tier",
            )
        if tier.uplink is not None:
            _check_uplink(findings, tiers, index, boundary)


def _check_uplink(findings: Findings, tiers: Sequence[TierSpec], index: int, boundary: int) -> None:
    """Note an uplink where there can be none."""
    where = ("tiers", index, "uplink")
    name = tiers[index].name
    if index == len(tiers) - 1:
        findings.add(
            "T009",
            f"{name!r} is the whole cluster, out of which nothing goes",
            where,
            key=True,
            expected="no uplink on the last tier",
        )
    elif index < boundary:
        findings.add(
            "T010",
            f"{name!r} lies inside the scale-up domain {tiers[boundary].name!r} and has no uplink of its own",
            where,
            key=True,
            expected=f"an uplink from {tiers[boundary].name!r} outwards",
        )


def _check_names(findings: Findings, tiers: Sequence[TierSpec]) -> None:
    seen = Counter[str]()
    for index, tier in enumerate(tiers):
        seen[tier.name] += 1
        reserved = tier.name in RESERVED
        if reserved or seen[tier.name] > 1:
            findings.add(
                "T011",
                f"tier name {tier.name!r} {'means something else here' if reserved else 'is given twice'}",
                ["tiers", index, "name"],
                expected="a name of its own for each tier, such as node, rack, unit, cluster",
            )


def check_row_uplinks(findings: Findings, spec: Topology) -> None:
    """Note uplinks of rows where the node is inside a scale-up domain."""
    boundary = boundary_of(spec.tiers)
    for index, row in enumerate(spec.domains):
        if row.uplink is not None and boundary > 0:
            findings.add(
                "T010",
                f"nodes lie inside the scale-up domain {spec.tiers[boundary].name!r}",
                ["domains", index, "uplink"],
                key=True,
                expected="no uplink of nodes; use degraded for single domains",
            )


def check_hosts(findings: Findings, spec: Topology) -> None:
    """Note host name templates that cannot be read."""
    names = [tier.name for tier in spec.tiers]
    templates: list[tuple[str | None, list[str | int]]] = [(spec.host_name, ["host_name"])]
    templates += [(row.host_name, ["domains", i, "host_name"]) for i, row in enumerate(spec.domains)]
    for template, where in templates:
        if template is None:
            continue
        try:
            check_template(template, names)
        except InputError as error:
            findings.take(error, where)


def read_gpus(findings: Findings, spec: Topology) -> list[Gpu]:
    """The GPU model of every row; unknown presets are noted."""
    common = _gpu(findings, spec.gpu, ["gpu"]) or UNSPECIFIED
    return [
        _gpu(findings, row.gpu, ["domains", index, "gpu"]) or common for index, row in enumerate(spec.domains)
    ]


def _gpu(findings: Findings, spec: GpuSpec | None, where: Sequence[str | int]) -> Gpu | None:
    if isinstance(spec, GpuFigures):
        return from_figures(spec)
    try:
        return None if spec is None else preset(spec)
    except InputError as error:
        findings.take(error, where)
        return None


def check_fabric(findings: Findings, spec: Topology) -> None:
    """Note tiers that the fabric names and that are not there."""
    tiers = [tier.name for tier in spec.tiers]
    match spec.fabric:
        case fabric_schema.Clos(switches=switches):
            named = [(name, ["fabric", "switches", name], True) for name in switches]
            allowed = tiers[1:]
        case fabric_schema.RailOptimized(unit=unit):
            named, allowed = [(unit, ["fabric", "unit"], False)], tiers[1:-1]
        case fabric_schema.Dragonfly(group=group):
            named, allowed = [(group, ["fabric", "group"], False)], tiers[1:-1]
        case _:
            return
    for name, where, key in named:
        if name not in allowed:
            findings.add(
                "T018",
                f"{name!r} is no tier that can have switches",
                where,
                key=key,
                expected=f"one of {', '.join(allowed) or 'more tiers than these'}",
                suggestion=did_you_mean(name, allowed),
            )


def check_fabric_size(findings: Findings, spec: Topology, nodes: int) -> None:
    """Note a torus that has not as many places as there are nodes."""
    if isinstance(spec.fabric, fabric_schema.Torus) and prod(spec.fabric.dims) != nodes:
        findings.add(
            "T018",
            f"the torus has {prod(spec.fabric.dims):,} places, the cluster {nodes:,} nodes",
            ["fabric", "dims"],
            expected="dimensions whose product is the number of nodes",
        )


def check_links(findings: Findings, spec: Topology, tiers: Sequence[Tier]) -> None:
    """Note ends of explicit links that are no switch and no node."""
    if not isinstance(spec.fabric, fabric_schema.Links):
        return
    try:
        switches = set(switch_list(spec.fabric))
    except InputError as error:
        findings.take(error, ("fabric", "switches"))
        return
    selectors, nodes = Selectors(tiers), [""] * tiers[0].domains
    most_nics = max(
        (nics.count for row in spec.domains if (nics := row.nics or spec.tiers[0].nics)), default=0
    )
    for index, link in enumerate(spec.fabric.links):
        if link.nic is not None and link.nic >= most_nics:
            findings.add(
                "T018",
                f"no node has a NIC {link.nic}",
                ("fabric", "links", index, "nic"),
                expected=f"a number below {most_nics}" if most_nics else "nodes with nics",
            )
        for side, end in enumerate(link.ends):
            try:
                find_end(end, switches, selectors, nodes)
            except InputError as error:
                findings.take(error, ("fabric", "links", index, "ends", side))
