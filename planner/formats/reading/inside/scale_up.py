"""What the scale-up links of a node add up to, and which GPUs have fallen off them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.reading.inside.parts import SWITCH
from planner.formats.site.models import figures

if TYPE_CHECKING:
    from planner.formats.reading.inside.parts import Gpu
    from planner.formats.site.site import Site

USUAL_SLOT_BYTES_PER_S = 32e9


def add_scale_up(site: Site, gpus: list[Gpu]) -> None:
    """Give `site` the scale-up bandwidth of a node that has these GPUs, and mark those that lost it."""
    if len(gpus) < 2 or any(gpu.peers is None for gpu in gpus):
        return
    islands = _islands(gpus)
    largest = max(islands, key=len)
    if len(largest) < 2:
        _without_links(site, gpus, "no scale-up links join the GPUs")
    elif len(largest) * 2 <= len(gpus):
        _tell_of_islands(site, gpus, islands)
        _without_links(site, gpus, "scale-up links join only parts of the node")
    else:
        for index in sorted(set(range(len(gpus))) - largest):
            _fallen(site, gpus, index)
        _add_bandwidth(site, gpus, sorted(largest))


def _islands(gpus: list[Gpu]) -> list[set[int]]:
    """GPUs that scale-up links join, directly or through switches."""
    around: dict[int, set[int]] = {index: set() for index in range(SWITCH, len(gpus))}
    for index, gpu in enumerate(gpus):
        for peer in gpu.peers or {}:
            around.setdefault(peer, set()).add(index)
            around[index].add(peer)
    islands: list[set[int]] = []
    unseen = set(range(len(gpus)))
    while unseen:
        waiting, island = [min(unseen)], set[int]()
        while waiting:
            index = waiting.pop()
            if index not in island:
                island.add(index)
                waiting.extend(around[index])
        unseen -= island
        islands.append(island - {SWITCH})
    return islands


def _fallen(site: Site, gpus: list[Gpu], index: int) -> None:
    gpu = gpus[index]
    site.findings.append(
        Problem(
            "I062",
            f"GPU {index} is off the scale-up links that the other GPUs have",
            gpu.position,
            expected=f"links between all {len(gpus)} GPUs",
            suggestion="reset the GPU or the node; it is taken to be out of service",
        )
    )
    gpu.down = gpu.down or "off the scale-up links"


def _tell_of_islands(site: Site, gpus: list[Gpu], islands: list[set[int]]) -> None:
    parts = "; ".join(", ".join(map(str, sorted(island))) for island in islands)
    site.findings.append(
        Problem(
            "I070",
            f"scale-up links join only parts of the node: GPUs {parts}",
            gpus[0].position,
            expected="links that join all GPUs of the node",
            suggestion="the node is taken to have none; correct scale_up in the file if that is wrong",
        )
    )


def _without_links(site: Site, gpus: list[Gpu], why: str) -> None:
    """The slots carry what passes between GPUs."""
    slots = [gpu.slot_bytes_per_s for gpu in gpus if gpu.slot_bytes_per_s]
    slowest = min(slots, default=USUAL_SLOT_BYTES_PER_S)
    known = "" if slots else " of generation 4"
    site.node.scale_up_bytes_per_s = slowest
    site.assumptions.append(
        f"{slowest * 1e-9:g} GB/s between the GPUs of a node, as of PCIe slots{known}, since {why}"
    )


def _add_bandwidth(site: Site, gpus: list[Gpu], joined: list[int]) -> None:
    links = {index: sum((gpus[index].peers or {}).values()) for index in joined}
    usual = Counter(links.values()).most_common(1)[0][0]
    most = max(usual, *links.values())
    for index, count in links.items():
        if count < usual:
            _degraded(site, gpus[index], index, count, usual)
    whole = _whole([gpus[index] for index in joined], most)
    if whole is not None:
        site.node.scale_up_bytes_per_s = whole * min(links.values()) / most
    else:
        site.node.scale_up_links = min(links.values())


def _degraded(site: Site, gpu: Gpu, index: int, count: int, usual: int) -> None:
    site.findings.append(
        Problem(
            "I063",
            f"GPU {index} has {count} scale-up links, and the others have {usual}",
            gpu.position,
            expected=f"{usual} links",
            suggestion="reset the GPU; the node's scale-up bandwidth is taken to be that of this GPU",
        )
    )


def _whole(gpus: list[Gpu], links: int) -> float | None:
    """Bandwidth of a GPU that has all its links; None where nobody can tell."""
    known = figures(gpus[0].model)
    if known and known.scale_up_bytes_per_s:
        return known.scale_up_bytes_per_s
    link = gpus[0].link_bytes_per_s
    return None if link is None else links * link
