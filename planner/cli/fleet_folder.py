"""Whether a path is that of a placed fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FLEET_INDEX = "fleet.json"


def is_placed_fleet(path: Path) -> bool:
    """Whether the path is a folder with a placed fleet, or its index; told by names alone."""
    return path.name == FLEET_INDEX or (path / FLEET_INDEX).is_file()
