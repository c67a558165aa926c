"""How many parts of each level the domains can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.repair.rules import Level
    from planner.topology.cluster import Cluster

    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int32]


def slots_of_levels(cluster: Cluster, levels: Sequence[Level], available: BoolArray) -> list[IntArray]:
    """For each level how many of its parts each domain of its tier holds at most, each of shape (domains,).

    Parts of a level are made of those of the level inside it, so a domain holds as many as the slots
    beneath it make up whole ones. Nothing is lost by that: whatever is counted can be placed.
    """
    found = []
    tier, size = 0, 1
    count = np.bincount(cluster.gpu_node[available], minlength=cluster.nodes).astype(np.int32)
    for level in levels:
        while tier < level.tier:
            count = np.bincount(
                cluster.tiers[tier].parent, count, minlength=cluster.tiers[tier + 1].domains
            ).astype(np.int32)
            tier += 1
        count = count // (level.size // size)
        size = level.size
        found.append(count)
    return found


def most_parts(cluster: Cluster, levels: Sequence[Level], available: BoolArray) -> int:
    """Ranks, in whole parts of the outermost level, for which there is room."""
    if not levels:
        return int(np.count_nonzero(available))
    return int(slots_of_levels(cluster, levels, available)[-1].sum()) * levels[-1].size
