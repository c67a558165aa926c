"""Which adapters of a node carry training traffic, and in which order.

In a topology NIC i is on rail i and the GPUs share the NICs evenly in order, so the adapters are
put in the order of the GPUs that they are nearest to.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.reading.inside.parts import NEAR_BY, Near
from planner.formats.site.site import Nic
from planner.topology.names import natural

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.formats.reading.inside.parts import Adapter, Gpu
    from planner.formats.site.site import Site

MOST_A_GPU = 4
"""More adapters of unknown speed beside one GPU are virtual functions of one."""
SLOW_BYTES_PER_S = 25e9 / 8
MOST_HOLES = 4
"""Where one GPU in this many has no NIC near it, that is how the node is built."""

Group = tuple[int, ...]


def add_nics(site: Site, gpus: list[Gpu], adapters: list[Adapter]) -> None:
    """Give `site` the NICs of a node that has these GPUs and adapters."""
    if not adapters:
        return
    kept = _near(site, _fast(site, _meant(site, adapters)))
    slots = _slots(site, gpus, kept)
    _tell_of_order(site, [each for each in slots if each is not None])
    site.node.nics = [_nic(adapter, rail) for rail, adapter in enumerate(slots)]
    _tell_of_strangers(site, len(gpus), slots)
    _tell_of_health(site, kept)


def _nic(adapter: Adapter | None, rail: int) -> Nic:
    if adapter is None:
        return Nic("", rail=rail, down="no adapter is near its GPU")
    return Nic(adapter.name, adapter.bytes_per_s, rail, adapter.down)


def _meant(site: Site, adapters: list[Adapter]) -> list[Adapter]:
    """Without those that are set aside, unless that leaves none."""
    reasons = sorted({each.aside for each in adapters if each.aside})
    return _without(site, adapters, lambda each: each.aside is None, " or ".join(reasons))


def _fast(site: Site, adapters: list[Adapter]) -> list[Adapter]:
    """Without those that are far slower than the fastest."""
    fastest = max((each.bytes_per_s or 0.0 for each in adapters), default=0.0)
    kept = _without(
        site,
        adapters,
        lambda each: each.bytes_per_s is None or each.bytes_per_s >= fastest / 2,
        "they are far slower than the fastest",
    )
    if 0 < fastest <= SLOW_BYTES_PER_S:
        site.assumptions.append(
            f"NICs of {fastest * 8e-9:g} Gb/s carry the traffic of training, since none is faster"
        )
    return kept


def _near(site: Site, adapters: list[Adapter]) -> list[Adapter]:
    """Without those that are near to no GPU, where others are."""
    return _without(site, adapters, lambda each: bool(each.nearest()), "they are near to no GPU, others are")


def _without(site: Site, adapters: list[Adapter], keep: Callable[[Adapter], bool], why: str) -> list[Adapter]:
    """Those that `keep` holds for, unless that is none; what is left out is told."""
    kept = [each for each in adapters if keep(each)]
    if not kept or len(kept) == len(adapters):
        return adapters
    _tell_of_left(site, [each for each in adapters if not keep(each)], why)
    return kept


def _tell_of_left(site: Site, left: list[Adapter], why: str) -> None:
    names = ", ".join(each.name or "one without a name" for each in left)
    site.assumptions.append(f"adapters left out, since {why}: {names}")


def _slots(site: Site, gpus: list[Gpu], adapters: list[Adapter]) -> list[Adapter | None]:
    """The adapters in the order of their GPUs, as many for each; None where one is missing."""
    near = any(each.nearest() for each in adapters)
    groups: dict[Group, list[Adapter]] = defaultdict(list)
    for each in adapters:
        groups[each.nearest() if near else each.nearest(Near.NODE)].append(each)
    beside = {group: own for group, own in groups.items() if group}
    usual = _usual(beside)
    if near:
        beside |= _uncovered(len(gpus), beside, usual)
    slots: list[Adapter | None] = []
    left: list[Adapter] = []
    for group, own in sorted(beside.items()):
        wanted = max(1, round(usual * len(group)))
        slots += own[:wanted]
        left += own[wanted:]
        if near and len(own) < wanted:
            slots += [None] * (wanted - len(own))
            _tell_of_hole(site, gpus, group, len(own), wanted)
    if left:
        _tell_of_left(site, left, "they lie beside others as virtual functions do")
    return slots + groups.get((), [])


def _usual(beside: dict[Group, list[Adapter]]) -> float:
    """Adapters for each GPU, as most groups of GPUs have."""
    shares = Counter(len(own) / len(group) for group, own in beside.items())
    usual = max(shares, key=lambda share: (shares[share], share == 1, -share), default=1.0)
    if usual > MOST_A_GPU and all(each.bytes_per_s is None for own in beside.values() for each in own):
        return 1.0
    return usual if usual < 1 else float(int(usual))


def _uncovered(gpus: int, beside: dict[Group, list[Adapter]], usual: float) -> dict[Group, list[Adapter]]:
    """GPUs that no adapter is near to, where they are few and there should be one."""
    missing = sorted(set(range(gpus)) - {gpu for group in beside for gpu in group})
    if not missing or len(missing) * MOST_HOLES > gpus or round(usual * len(missing)) < 1:
        return {}
    return {(gpu,): [] for gpu in missing} if usual >= 1 else {tuple(missing): []}


def _tell_of_hole(site: Site, gpus: list[Gpu], group: Group, found: int, wanted: int) -> None:
    which = f"GPU {group[0]} has" if len(group) == 1 else f"GPUs {', '.join(map(str, group))} have"
    site.findings.append(
        Problem(
            "I065",
            f"{which} {found or 'no'} NIC{'' if found == 1 else 's'} near, and others have {wanted}",
            gpus[group[0]].position,
            expected=f"{wanted} beside each such GPU or group of GPUs",
            suggestion="check the adapter and its slot; what is missing is taken to be out of service",
        )
    )


def _tell_of_order(site: Site, adapters: list[Adapter]) -> None:
    """Say how NICs are numbered, where it is not by name."""
    names = [each.name for each in adapters]
    if all(names) and names != sorted(names, key=natural):
        listed = ", ".join(names)
        site.assumptions.append(f"NICs in the order of the GPUs that they are nearest to: {listed}")


def _tell_of_strangers(site: Site, gpus: int, nics: list[Adapter | None]) -> None:
    """Say which GPUs are counted with a NIC that is not their nearest."""
    for gpu in range(gpus):
        nic = nics[gpu * len(nics) // gpus]
        nearest = [each for each in nics if each is not None and gpu in each.nearest(NEAR_BY)]
        if nic is not None and nearest and nic not in nearest:
            site.assumptions.append(
                f"GPU {gpu} is nearest to {nearest[0].name or 'another NIC'} but counted with "
                f"{nic.name or 'one without a name'}, since GPUs share NICs evenly in order"
            )


def _tell_of_health(site: Site, adapters: list[Adapter]) -> None:
    for adapter in adapters:
        if adapter.down:
            site.findings.append(
                Problem(
                    "I066",
                    f"NIC {adapter.name} is out of service: {adapter.down}",
                    adapter.position,
                    suggestion="check its cable and its port",
                )
            )
