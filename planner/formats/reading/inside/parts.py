"""GPUs and adapters of a node as its importers gather them, and how near they are to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.errors import Position

SWITCH = -1
"""Stands for the NVLink switches among the peers of a GPU."""


class Near(IntEnum):
    """What lies between two devices, nearest first; the names are those of ``nvidia-smi topo``."""

    PIX = 0
    PXB = 1
    PHB = 2
    NODE = 3
    SYS = 4


NEAR_BY = Near.PXB
"""The farthest that still counts as near: traffic stays below the processor."""


@dataclass
class Gpu:
    """A GPU.

    Parameters
    ----------
    called
        The driver's name of its model; empty where the source does not say.
    model
        A preset, or whatever the source calls it; None where it does not say.
    peers
        Scale-up links by index of the GPU at their other end, or `SWITCH`; None where the source
        says nothing of such links.
    link_bytes_per_s
        Of one of those links, per direction, where the source lets tell.
    slot_bytes_per_s
        Of its PCIe slot, per direction.
    down
        Why it is out of service.
    """

    called: str = ""
    model: str | None = None
    peers: dict[int, int] | None = None
    link_bytes_per_s: float | None = None
    slot_bytes_per_s: float | None = None
    down: str | None = None
    position: Position | None = None


@dataclass
class Adapter:
    """A network adapter.

    Parameters
    ----------
    near
        What lies between it and each GPU, by index.
    aside
        Why it would carry no training traffic if there were another, such as being a virtual
        function.
    down
        Why it is out of service.
    """

    name: str
    bytes_per_s: float | None = None
    near: dict[int, Near] = field(default_factory=dict)
    aside: str | None = None
    down: str | None = None
    position: Position | None = None

    def nearest(self, farthest: Near = NEAR_BY) -> tuple[int, ...]:
        """The GPUs that it is nearest to, where any is no farther than `farthest`."""
        least = min(self.near.values(), default=Near.SYS)
        return tuple(gpu for gpu, near in sorted(self.near.items()) if near == least <= farthest)


def between(a: Sequence[tuple[Near, int]], b: Sequence[tuple[Near, int]]) -> Near:
    """What lies between two devices of a tree.

    Parameters
    ----------
    a, b
        For each device what is around it, outermost first: an identifier, and what lies between
        two devices that meet there. Two that meet in the innermost of either are as near as it gets.
    """
    shared = [x for x, y in zip(a, b, strict=False) if x == y]
    if not shared:
        return Near.SYS
    near = shared[-1][0]
    return Near.PIX if near == Near.PXB and len(shared) == min(len(a), len(b)) else near
