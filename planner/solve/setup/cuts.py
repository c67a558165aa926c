"""How cells that no inner domain has room for are cut, and the domains that hold their parts together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    IntArray = NDArray[np.int32]


@dataclass(frozen=True)
class Cut:
    """How cells are cut.

    Parameters
    ----------
    tier
        Whose domains hold one part each.
    sizes
        Ranks of a part: domains that are left over after the first are bundled with the next, and so on.
    spread
        Domains of each tier further out that a cell lies in, evenly; each number divides the one before.
    cells
        That bundles of the first size have room for, if not all; these are spread evenly.
    """

    tier: int
    sizes: tuple[int, ...]
    spread: tuple[int, ...]
    cells: int | None = None


@dataclass(frozen=True, eq=False)
class Bundles:
    """Which domains hold the cells of a layout in equal parts.

    Parameters
    ----------
    cut
        How the cells are cut.
    part_ranks
        Ranks of a cell that each domain of a bundle holds, shape (bundles,).
    domains
        For each bundle the domain of every part of a cell, shape (bundles, most parts); -1 beyond the last.
    parents
        For each tier from that of the cut up to the layout's cell tier the bundle of the next tier around
        each bundle, in the end the domain of the cell tier, shape (bundles of the tier,).
    """

    cut: Cut
    part_ranks: IntArray
    domains: IntArray
    parents: tuple[IntArray, ...]
