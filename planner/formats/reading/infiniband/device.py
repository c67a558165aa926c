"""Devices and cables of an InfiniBand fabric."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.errors import Position

# What a device is called that nobody has given a name.
_VENDOR = re.compile(r"\A\s*\Z|mellanox technologies|\Anvidia\b|\AMT\d+|\AQLogic|\AIntel\(R\)", re.IGNORECASE)


@dataclass(frozen=True)
class Device:
    """A switch (kind ``S``), an adapter (``H``) or a router (``R``)."""

    key: str
    kind: str
    description: str
    position: Position

    @property
    def nameless(self) -> bool:
        """Whether it is called what its maker called it."""
        return _VENDOR.search(self.description) is not None

    @property
    def guid(self) -> str:
        """The number in its key, or the whole key."""
        return self.key.partition("-")[2].lstrip("0") or self.key


@dataclass(frozen=True)
class Cable:
    """A link between ports of two devices, as one end tells it; ends are key and port number."""

    near: tuple[str, int]
    far: tuple[str, int]
    bytes_per_s: float | None
    position: Position
