"""Which adapters of a node carry training traffic, and in which order.

In a topology NIC i is on rail i and the GPUs share the NICs evenly in order, so the adapters are
put in the order of the GPUs that they are nearest to.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.inside.parts import Near
from planner.formats.site.labels import natural
from planner.formats.site.site import Nic

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.formats.inside.parts import Adapter, Gpu
    from planner.formats.site.site import Site

MOST_A_GPU = 4
"""More adapters of unknown speed beside one GPU are virtual functions of one."""
SLOW_BYTES_PER_S = 25e9 / 8


def add_nics(site: Site, gpus: list[Gpu], adapters: list[Adapter]) -> None:
    """Give `site` the NICs of a node that has these GPUs and adapters."""
    if not adapters:
        return
    kept = _near(site, _fast(site, _meant(site, adapters)))
    kept = _as_many_for_each(site, kept)
    ordered = sorted(kept, key=lambda adapter: _place(adapter, len(gpus)))
    if ordered != sorted(kept, key=lambda adapter: natural(adapter.name)) and all(each.name for each in kept):
        names = ", ".join(adapter.name for adapter in ordered)
        site.assumptions.append(f"NICs in the order of the GPUs that they are nearest to: {names}")
    slots: list[Adapter | None] = list(ordered)
    for gpu in _holes(site, gpus, ordered):
        slots.insert(gpu, None)
    site.node.nics = [_nic(adapter, rail) for rail, adapter in enumerate(slots)]
    _tell_of_strangers(site, len(gpus), slots)
    _tell_of_health(site, ordered)


def _nic(adapter: Adapter | None, rail: int) -> Nic:
    if adapter is None:
        return Nic("", rail=rail, down="no adapter is near its GPU")
    return Nic(adapter.name, adapter.bytes_per_s, rail, adapter.down)


def _meant(site: Site, adapters: list[Adapter]) -> list[Adapter]:
    """Without those that are set aside, unless that leaves none."""
    kept = _without(site, adapters, lambda each: each.aside is None, "they are not for traffic of training")
    reasons = sorted({each.aside for each in adapters if each.aside})
    if len(kept) < len(adapters):
        site.assumptions[-1] = site.assumptions[-1].replace(
            "they are not for traffic of training", " or ".join(reasons)
        )
    return kept


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
    left = [each.name or "one without a name" for each in adapters if not keep(each)]
    site.assumptions.append(f"adapters left out, since {why}: {', '.join(left)}")
    return kept


def _as_many_for_each(site: Site, adapters: list[Adapter]) -> list[Adapter]:
    """As many near each GPU, or each group of them, as near the one with fewest."""
    groups = Counter(each.nearest() for each in adapters if each.nearest())
    if not groups:
        return adapters
    share = min(count / len(group) for group, count in groups.items())
    if share > MOST_A_GPU and all(each.bytes_per_s is None for each in adapters):
        share = 1.0
    seen: Counter[tuple[int, ...]] = Counter()
    kept = []
    for each in adapters:
        group = each.nearest()
        seen[group] += 1
        if seen[group] <= max(1, round(share * len(group))):
            kept.append(each)
    if len(kept) < len(adapters):
        left = ", ".join(each.name or "one without a name" for each in adapters if each not in kept)
        site.assumptions.append(
            f"adapters left out, since they lie beside others as virtual functions do: {left}"
        )
    return kept


def _place(adapter: Adapter, gpus: int) -> int:
    """The GPU that it comes in order of."""
    if adapter.nearest():
        return adapter.nearest()[0]
    least = min(adapter.near.values(), default=Near.SYS)
    if least == Near.SYS:
        return gpus
    return min(gpu for gpu, near in adapter.near.items() if near == least)


def _holes(site: Site, gpus: list[Gpu], adapters: list[Adapter]) -> list[int]:
    """GPUs that lack the one NIC of their own that nearly all others have."""
    owners = [each.nearest() for each in adapters]
    if any(len(owner) != 1 for owner in owners) or len(set(owners)) != len(owners):
        return []
    missing = sorted(set(range(len(gpus))) - {owner[0] for owner in owners})
    if not missing or len(missing) * 4 > len(gpus):
        return []
    for gpu in missing:
        site.findings.append(
            Problem(
                "I065",
                f"GPU {gpu} has no NIC near it, and the others have one each",
                gpus[gpu].position,
                expected=f"{len(gpus)} NICs, one beside each GPU",
                suggestion=f"check the adapter and its slot; NIC {gpu} is taken to be out of service",
            )
        )
    return missing


def _tell_of_strangers(site: Site, gpus: int, nics: list[Adapter | None]) -> None:
    """Say which GPUs are counted with a NIC that is not their nearest."""
    for gpu in range(gpus):
        nic = nics[gpu * len(nics) // gpus]
        nearest = [each for each in nics if each is not None and gpu in each.nearest()]
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
