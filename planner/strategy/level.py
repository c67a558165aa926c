"""What a search knows of a tier."""

from __future__ import annotations

from typing import NamedTuple


class Level(NamedTuple):
    """A typical domain of one tier.

    Parameters
    ----------
    gpus
        GPUs in service.
    uplink_bytes_per_s
        Bandwidth out of it.
    sizes
        GPUs in service of every domain, and how many there are of this size; as many as are needed where
        not given.
    """

    tier: str
    gpus: int
    uplink_bytes_per_s: float | None
    sizes: tuple[tuple[int, int], ...] = ()

    @property
    def alike(self) -> bool:
        """Whether every domain has as many GPUs."""
        return len(self.sizes) <= 1

    def has_room(self, blocks: int, gpus: int) -> bool:
        """Whether so many blocks of `gpus` GPUs fit into the domains, none of them in more than it must."""
        if not self.sizes:
            return True
        if gpus <= self.gpus:
            return sum(count * (size // gpus) for size, count in self.sizes) >= blocks
        return sum(count for _, count in self.sizes) >= blocks * -(-gpus // self.gpus)
