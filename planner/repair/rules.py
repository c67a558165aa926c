"""What `keep` rules bind together: parts of the job that lie in one domain of a tier.

A rule on an axis binds the ranks of each of its groups. Rules at several tiers nest: what lies in one
node lies in one rack too, so a part at an outer tier is a union of parts at the tiers inside it. All
parts of a tier have the same size, since the mesh looks the same from each of its groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.groups import groups_along

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.topology.cluster import Cluster
    from planner.workload.mesh import Mesh
    from planner.workload.workload import Workload

    IntArray = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Level:
    """A tier at which rules bind ranks.

    Parameters
    ----------
    tier
        Index of the tier.
    part
        Number of the part that each rank belongs to, shape (world_size,).
    size
        Ranks of a part.
    """

    tier: int
    part: IntArray
    size: int

    @property
    def parts(self) -> int:
        """Number of parts."""
        return len(self.part) // self.size


def levels_of(cluster: Cluster, workload: Workload) -> tuple[Level, ...]:
    """The levels at which rules bind more than single ranks, innermost first."""
    rules = sorted((cluster.tier_index(tier), axis) for axis, tier in workload.keep.items())
    return _levels(workload.mesh, tuple(rules))


@lru_cache(maxsize=8)
def _levels(mesh: Mesh, rules: tuple[tuple[int, str], ...]) -> tuple[Level, ...]:
    part = np.arange(mesh.world_size, dtype=np.int32)
    levels: list[Level] = []
    for tier, axis in rules:
        if mesh.degree(axis) == 1:
            continue
        larger = joined(part, groups_along(mesh, (axis,)).members)
        size = len(part) // (int(larger.max()) + 1)
        # A rule that an inner one implies binds nothing more.
        if levels and size == levels[-1].size:
            continue
        part = larger
        part.setflags(write=False)
        if levels and levels[-1].tier == tier:
            levels.pop()
        levels.append(Level(tier, part, size))
    return tuple(levels)


def joined(part: IntArray, members: IntArray) -> IntArray:
    """The finest parts that hold whole old parts and whole groups, shape (world_size,).

    `members` has every rank in one group, shape (groups, ranks in a group).
    """
    if members.size == len(part) and int(part.max()) == len(part) - 1:
        # Single ranks are joined to groups; they are numbered by their first rank.
        found = np.empty(len(part), np.int32)
        found[members[np.argsort(members.min(axis=1))]] = np.arange(len(members), dtype=np.int32)[:, None]
        return found
    label = part.copy()
    while True:
        lowest = np.empty_like(label)
        lowest[members] = label[members].min(axis=1)[:, None]
        least = np.full(int(part.max()) + 1, len(part), np.int32)
        np.minimum.at(least, part, lowest)
        pulled = least[part]
        if np.array_equal(pulled, label):
            break
        label = pulled
    return np.unique(label, return_inverse=True)[1].reshape(-1).astype(np.int32)
