"""Bandwidth out of the domains of every tier, as sources say or as NICs would fill it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.site.figures import SLIGHT
from planner.units import LARGEST_BANDWIDTH, LEAST_BANDWIDTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.formats.site.figures import Figures
    from planner.formats.site.places import Path, Places
    from planner.formats.site.site import Site


@dataclass
class Uplinks:
    """What the file says of uplinks.

    Parameters
    ----------
    of_tier
        Uplink of a tier, by its index, the node being 0; tiers without one are left out.
    degraded
        What is left of it, for domains that have less, by path.
    """

    of_tier: dict[int, float] = field(default_factory=dict)
    degraded: dict[Path, float] = field(default_factory=dict)


def settle_uplinks(site: Site, settled: Sequence[Figures], where: Places) -> Uplinks:
    """Uplinks of all tiers outside of the NVLink domain, and of domains whose NICs are slow."""
    uplinks, assumed = Uplinks(), []
    _degrade_slow_nics(uplinks, settled, where)
    for index, tier in enumerate(where.tiers, 1):
        stated = site.uplink_bytes_per_s.get(tier.source, {}) if tier.source else {}
        if index < where.boundary:
            continue
        paths = {where.domain(host, index): stated.get(word) for host, word in tier.word_of.items()}
        if any(bandwidth is not None for bandwidth in paths.values()):
            _take_stated(site, uplinks, index, tier.name, paths)
        elif index > where.boundary:
            uplinks.of_tier[index] = _nics_beneath(settled, where, index)
            assumed.append(tier.name)
    if assumed:
        site.assumptions.append(f"uplinks of {', '.join(assumed)} as fast as all NICs beneath")
    return uplinks


def _degrade_slow_nics(uplinks: Uplinks, settled: Sequence[Figures], where: Places) -> None:
    """Where NICs are slower than they should be, the NVLink domain (or node) they serve has less."""
    left: dict[Path, float] = defaultdict(float)
    slow = set()
    for each in settled:
        path = where.domain(each.host.name, where.boundary)
        in_service = 0 if each.host.down is not None else each.nics.count - len(each.nics_down)
        whole = in_service * each.nics.bytes_per_s
        left[path] += whole if each.left_bytes_per_s is None or not in_service else each.left_bytes_per_s
        if each.left_bytes_per_s is not None and in_service:
            slow.add(path)
    uplinks.degraded |= {path: max(left[path], LEAST_BANDWIDTH) for path in left if path in slow}


def _take_stated(
    site: Site, uplinks: Uplinks, index: int, tier: str, paths: dict[Path, float | None]
) -> None:
    """The fastest domain is whole; what the others lack is degraded."""
    known = {path: _possible(bandwidth) for path, bandwidth in paths.items() if bandwidth is not None}
    whole = max(known.values())
    uplinks.of_tier[index] = whole
    for path, bandwidth in known.items():
        if bandwidth < whole * (1 - SLIGHT):
            # Slow NICs of the same domain may leave even less.
            uplinks.degraded[path] = min(bandwidth, uplinks.degraded.get(path, bandwidth))
    silent = ["/".join(path) for path, bandwidth in paths.items() if bandwidth is None]
    if silent:
        more = f" and {len(silent) - 1} more" if len(silent) > 1 else ""
        site.findings.append(
            Problem("I018", f"no uplink is known of {tier} {silent[0]}{more}; that of the fastest is assumed")
        )


def _possible(bytes_per_s: float) -> float:
    """The bandwidth, or the least or largest that a file can hold."""
    return min(max(bytes_per_s, LEAST_BANDWIDTH), LARGEST_BANDWIDTH)


def _nics_beneath(settled: Sequence[Figures], where: Places, index: int) -> float:
    """All NICs of the domain that has most of them."""
    beneath: dict[Path, float] = defaultdict(float)
    for each in settled:
        beneath[where.domain(each.host.name, index)] += each.nics.count * each.nics.bytes_per_s
    return _possible(max(beneath.values()))
