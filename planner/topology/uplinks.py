"""Bandwidth out of every domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.topology.checks import boundary_of
from planner.units import format_bandwidth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.source import Findings
    from planner.topology.cluster import FloatArray, IntArray, Tier
    from planner.topology.health import Health
    from planner.topology.schema import Topology


@dataclass(frozen=True, eq=False)
class Uplinks:
    """Uplink of each domain of one tier, shape (domains,): with all of it in service, and now."""

    whole: FloatArray
    now: FloatArray


def uplinks(
    spec: Topology, tiers: Sequence[Tier], row_of_node: IntArray, nic_node: IntArray, nics: Uplinks
) -> list[Uplinks | None]:
    """Uplinks of every tier; None for those out of which traffic is free.

    At the node boundary an uplink is the sum of the NICs in service beneath, unless the tier (or,
    for nodes, the row) gives it. There a domain without an uplink beside others that have one is
    not a number.

    Parameters
    ----------
    nics
        Bandwidth of each NIC, shape (nics,).
    """
    boundary = boundary_of(spec.tiers)
    found: list[Uplinks | None] = [None] * boundary
    for index in range(boundary, len(tiers) - 1):
        given = spec.tiers[index].uplink
        whole = np.full(tiers[index].domains, np.nan if given is None else given)
        now = whole
        if index == 0:
            rows = [np.nan if row.uplink is None else row.uplink for row in spec.domains]
            own = np.array(rows)[row_of_node]
            whole = now = np.where(np.isnan(own), whole, own)
        if index == boundary:
            sums = _nic_sums(tiers[: index + 1], nic_node, nics)
            whole, now = (np.where(np.isnan(u), s, u) for u, s in ((whole, sums.whole), (now, sums.now)))
        found.append(None if np.isnan(whole).all() else Uplinks(whole, now))
    return [*found[: len(tiers) - 1], None]


def _nic_sums(tiers: Sequence[Tier], nic_node: IntArray, nics: Uplinks) -> Uplinks:
    """Summed NICs beneath each domain of the last of `tiers`; not a number where there are none."""
    domain = nic_node
    for tier in tiers[:-1]:
        domain = tier.parent[domain]
    size = tiers[-1].domains
    none = np.bincount(domain, minlength=size) == 0
    whole = np.bincount(domain, weights=nics.whole, minlength=size)
    now = np.bincount(domain, weights=nics.now, minlength=size)
    return Uplinks(np.where(none, np.nan, whole), np.where(none, np.nan, now))


def in_doubt(findings: Findings, spec: Topology, tier: int) -> bool:
    """Whether values that make the uplinks of a tier were found mistaken and left out."""
    own = ((("tiers", tier), name) for name in ("uplink", "scale_up"))
    rows = ((("domains", index), name) for index in range(len(spec.domains)) for name in ("uplink", "nics"))
    parts = [*own, (("tiers", 0), "nics"), *rows]
    return any(findings.doubtful_within(*holder, name) for holder, name in parts)


def degrade(health: Health, spec: Topology, found: Sequence[Uplinks | None]) -> list[FloatArray | None]:
    """Uplinks as they are now, the degraded ones lowered; entries that cannot be are noted."""
    now = [None if each is None else each.now.copy() for each in found]
    for index, entry in enumerate(spec.degraded):
        where = ("degraded", index, "at")
        selected = health.find(entry.at, where)
        if selected is None:
            continue
        tier = spec.tiers[selected.tier].name
        uplink, whole = now[selected.tier], found[selected.tier]
        if not selected.whole:
            health.findings.add("T015", f"{entry.at!r} selects GPUs or NICs", where, expected="whole domains")
        elif uplink is None or whole is None:
            if in_doubt(health.findings, spec, selected.tier):
                continue  # The uplink may be what was left out as mistaken.
            health.findings.add(
                "T019",
                f"{tier!r} has no uplink that could be degraded",
                where,
                expected="domains of a tier with an uplink",
            )
        elif (least := float(whole.whole[selected.domains].min())) < entry.uplink:
            health.findings.add(
                "T019",
                f"{format_bandwidth(entry.uplink)} is more than the whole uplink",
                ["degraded", index, "uplink"],
                expected=f"at most {format_bandwidth(least)}",
            )
        else:
            uplink[selected.domains] = np.minimum(uplink[selected.domains], entry.uplink)
    return now
