"""What each host is made of, once everything that sources leave open has been settled.

A fact that a source states of a host holds for it; else one stated of every host; else what the
person says; else what most other hosts have; else a usual figure. All but the first three are noted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.site.models import figures, preset_name
from planner.formats.site.quantities import bandwidth
from planner.topology.boxes import range_of
from planner.topology.names import natural
from planner.topology.schema import MOST_GPUS_A_NODE
from planner.units import LARGEST_BANDWIDTH, LEAST_BANDWIDTH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.formats.site.given import Given
    from planner.formats.site.site import Host, Nic, Site

USUAL_GPUS = 8
# Where an NVLink domain has several hosts, these are trays of a rack.
USUAL_GPUS_OF_A_TRAY = 4
USUAL_GPUS_OF = {"gb200": 4, "gb300": 4, "tpu-v5p": 4, "tpu-v6e": 4, "tpu7x": 4}
USUAL_NIC_BYTES_PER_S = 50e9
NVLINK_BYTES_PER_S = 25e9
MOST_NAMED = 300
# Less than this share is a matter of rounding.
SLIGHT = 1e-6


@dataclass(frozen=True)
class Nics:
    """NICs that are alike: how many, how fast, and whether NIC i is on rail i."""

    count: int
    bytes_per_s: float
    rails: bool = True


@dataclass(frozen=True)
class Figures:
    """One host, with nothing left open.

    Parameters
    ----------
    gpus
        Number of GPUs, at least one.
    model
        GPU preset or the name of another model; None where nobody says.
    nics
        The NICs as they should be.
    gpus_down, nics_down
        Index of each that is out of service, and why.
    left_bytes_per_s
        What the NICs in service still carry, where some are slower than they should be.
    """

    host: Host
    gpus: int
    model: str | None
    nics: Nics
    gpus_down: dict[int, str] = field(default_factory=dict)
    nics_down: dict[int, str] = field(default_factory=dict)
    left_bytes_per_s: float | None = None


def settle(site: Site, given: Given) -> list[Figures]:
    """Figures of every host with GPUs, sorted by name; findings and assumptions go to the site."""
    hosts = sorted(site.hosts.values(), key=lambda host: natural(host.name))
    gpus = _gpus(site, hosts, given)
    hosts = [host for host in hosts if gpus[host.name]]
    models = {host.name: _model(site, host, given) for host in hosts}
    slots = {host.name: _slots(site, host) for host in hosts}
    usual = _UsualNics(site, slots.values(), given)
    return [
        _figures(site, host, gpus[host.name], models[host.name], slots[host.name], usual) for host in hosts
    ]


def named(hosts: Iterable[str]) -> str:
    """Hosts as a range that fits into a sentence."""
    expression = range_of(hosts)
    return expression if len(expression) <= MOST_NAMED else f"{expression[:MOST_NAMED]}..."


def stated(site: Site, host: Host, fact: str) -> object:
    """What sources say of the host, or of every host."""
    own = getattr(host.node, fact)
    return getattr(site.node, fact) if own is None else own


def _gpus(site: Site, hosts: list[Host], given: Given) -> dict[str, int]:
    """GPUs of every host; what is assumed is noted, and hosts without any."""
    found = {host.name: stated(site, host, "gpus") for host in hosts}
    gpus = {name: number for name, number in found.items() if isinstance(number, int)}
    unknown = [host for host in hosts if host.name not in gpus]
    if unknown:
        assumed = given.gpus or _assume_gpus(site, unknown, list(gpus.values()), given)
        gpus |= {host.name: assumed for host in unknown}
    without = [name for name, number in gpus.items() if number < 1]
    if without:
        site.assumptions.append(f"hosts without GPUs are left out: {named(without)}")
    for host in hosts:
        if gpus[host.name] > MOST_GPUS_A_NODE:
            site.findings.append(
                Problem(
                    "I010",
                    f"{host.name} is said to have {gpus[host.name]:,} GPUs",
                    host.position,
                    f"at most {MOST_GPUS_A_NODE:,} a host",
                )
            )
    return {name: min(max(number, 0), MOST_GPUS_A_NODE) for name, number in gpus.items()}


def _assume_gpus(site: Site, unknown: list[Host], known: list[int], given: Given) -> int:
    """GPUs of hosts of which nobody says how many they have."""
    counts = Counter(number for number in known if number > 0)
    model = preset_name(site.node.gpu_model or given.gpu or "")
    domains = [host.scale_up for host in unknown if host.scale_up]
    usual = USUAL_GPUS_OF_A_TRAY if len(set(domains)) < len(domains) else USUAL_GPUS
    assumed = counts.most_common(1)[0][0] if counts else USUAL_GPUS_OF.get(model or "", usual)
    names = named(host.name for host in unknown)
    reason = "as most others have" if counts else "as is usual"
    site.assumptions.append(f"{assumed} GPUs a host, {reason}, where no source says: {names}")
    site.findings.append(
        Problem(
            "I011",
            f"no source says how many GPUs {names} {'has' if len(unknown) == 1 else 'have'}; "
            f"{assumed} {'is' if assumed == 1 else 'are'} assumed, {reason}",
            unknown[0].position,
            "a source that says it",
            f"--gpus {assumed}, or another source of the hosts' GPUs",
        )
    )
    return assumed


def _model(site: Site, host: Host, given: Given) -> str | None:
    """The preset where there is one, else whatever the source calls it."""
    found = stated(site, host, "gpu_model")
    model = found if isinstance(found, str) and found.strip() else None
    return (preset_name(model) if model else None) or given.gpu or model


def _slots(site: Site, host: Host) -> list[Nic | None]:
    """NICs by rail, None where the rail has none; in order where rails are not known or shared."""
    nics: list[Nic] = host.node.nics or site.node.nics or []
    rails = [nic.rail for nic in nics]
    known = [rail for rail in rails if rail is not None and 0 <= rail < MOST_GPUS_A_NODE]
    if len(known) < len(nics) or len(set(known)) < len(known):
        return list(nics[:MOST_GPUS_A_NODE])
    by_rail: list[Nic | None] = [None] * (max(known, default=-1) + 1)
    for nic, rail in zip(nics, known, strict=True):
        by_rail[rail] = nic
    return by_rail


def _possible(bytes_per_s: float | None) -> float | None:
    """A bandwidth that a topology file can hold; None for others."""
    return bytes_per_s if bytes_per_s and LEAST_BANDWIDTH <= bytes_per_s <= LARGEST_BANDWIDTH else None


class _UsualNics:
    """What is assumed of NICs of which sources do not say enough; each assumption is noted once."""

    def __init__(self, site: Site, slots: Iterable[list[Nic | None]], given: Given) -> None:
        self.site = site
        self.given = given
        self.noted: set[str] = set()
        filled = [[nic for nic in own if nic] for own in slots]
        self.counts = Counter(len(own) for own in filled if own)
        self.speeds = Counter(_possible(nic.bytes_per_s) for own in filled for nic in own)
        del self.speeds[None]

    def count(self, gpus: int) -> int:
        """NICs of a host of which no source names any."""
        if self.counts:
            self._note(f"{self.counts.most_common(1)[0][0]} NICs a host, as most have, where no source says")
            return self.counts.most_common(1)[0][0]
        self._note("one NIC for each GPU")
        return gpus

    def bytes_per_s(self, model: str | None) -> float:
        """Bandwidth of a NIC of which no source says it."""
        if self.given.nic_bytes_per_s:
            return self.given.nic_bytes_per_s
        known = figures(model)
        if self.speeds:
            assumed = max(self.speeds, key=lambda speed: (self.speeds[speed], speed or 0)) or 0
            reason = "as most have"
        elif known and known.nic_bytes_per_s:
            assumed, reason = known.nic_bytes_per_s, f"as is usual for {known.name}"
        else:
            assumed, reason = USUAL_NIC_BYTES_PER_S, "as is usual"
        self._note(f"{bandwidth(assumed, bits=True)} a NIC, {reason}, where no source says")
        return assumed

    def _note(self, assumption: str) -> None:
        if assumption not in self.noted:
            self.noted.add(assumption)
            self.site.assumptions.append(assumption)


def _figures(
    site: Site, host: Host, gpus: int, model: str | None, slots: list[Nic | None], usual: _UsualNics
) -> Figures:
    speeds = [_possible(nic.bytes_per_s) for nic in slots if nic]
    known = Counter(speed for speed in speeds if speed)
    whole = max(known, key=lambda speed: (known[speed], speed)) if known else usual.bytes_per_s(model)
    nics = Nics(len(slots) or usual.count(gpus), whole, _on_rails(slots))
    nics_down = {
        place: nic.down if nic else "no NIC on this rail"
        for place, nic in enumerate(slots)
        if nic is None or nic.down is not None
    }
    carried = [min(_possible(nic.bytes_per_s) or whole, whole) for nic in slots if nic and nic.down is None]
    slow = any(speed < whole * (1 - SLIGHT) for speed in carried)
    return Figures(
        host,
        gpus,
        model,
        nics,
        _gpus_down(site, host, gpus),
        {place: reason or "out of service" for place, reason in nics_down.items()},
        sum(carried) if slow else None,
    )


def _on_rails(slots: list[Nic | None]) -> bool:
    """Whether NIC i is on rail i, as far as sources say."""
    rails = [nic.rail for nic in slots if nic and nic.rail is not None]
    return len(set(rails)) == len(rails)


def _gpus_down(site: Site, host: Host, gpus: int) -> dict[int, str]:
    """GPUs out of service that the host has; the others are noted."""
    down = site.node.gpus_down | host.node.gpus_down
    for index in sorted(index for index in down if not 0 <= index < gpus):
        site.findings.append(
            Problem(
                "I012",
                f"{host.name}: GPU {index} is said to be out of service, of {gpus} GPUs",
                host.position,
                f"a number from 0 to {gpus - 1}",
            )
        )
    return {index: down[index] for index in sorted(down) if 0 <= index < gpus}


def common_scale_up(site: Site, settled: list[Figures], given: Given) -> float | None:
    """NVLink bandwidth per GPU: stated, else that of the GPU model, else None."""
    found = Counter(
        _possible(each.host.node.scale_up_bytes_per_s or site.node.scale_up_bytes_per_s) for each in settled
    )
    del found[None]
    if found:
        return max(found, key=lambda speed: (found[speed], speed or 0))
    if given.scale_up_bytes_per_s:
        return given.scale_up_bytes_per_s
    models = Counter(each.model for each in settled)
    known = figures(max(models, key=lambda model: (models[model], model or ""))) if models else None
    if known and known.scale_up_bytes_per_s:
        return known.scale_up_bytes_per_s
    return _by_links(site, settled)


def _by_links(site: Site, settled: list[Figures]) -> float | None:
    """NVLink bandwidth by the number of links, where that is all that sources say."""
    counts = Counter(each.host.node.scale_up_links or site.node.scale_up_links for each in settled)
    links = max((count for count in counts if count), key=lambda count: counts[count], default=None)
    if links is None:
        return None
    site.assumptions.append(
        f"{bandwidth(NVLINK_BYTES_PER_S)} for each of a GPU's {links} NVLinks, as NVLink 2 to 4 have; those "
        "of Blackwell have twice that"
    )
    return links * NVLINK_BYTES_PER_S
