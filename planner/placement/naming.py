"""What the checker calls ranks, groups and GPUs in its findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.topology.cluster import Cluster
    from planner.workload.mesh import Mesh

    IntArray = NDArray[np.int64]

SHOWN = 3
RANKS_SHOWN = 4


class Namer:
    """Names of the things of one placement; what is not there is called by its number."""

    def __init__(self, cluster: Cluster, mesh: Mesh) -> None:
        self.cluster = cluster
        self.mesh = mesh

    def rank(self, rank: int | np.integer) -> str:
        """A rank with its coordinates: ``rank 17 (pp 3, dp 1)``."""
        if rank >= self.mesh.world_size:
            return f"rank {rank}"
        coordinates = self.mesh.coordinates(int(rank)).items()
        shown = [f"{axis} {index}" for axis, index in coordinates if self.mesh.degree(axis) > 1]
        return f"rank {rank} ({', '.join(shown)})" if shown else f"rank {rank}"

    def gpu(self, gpu: int | np.integer) -> str:
        """Path of a GPU: ``r05/n01/gpu2``."""
        if not 0 <= gpu < self.cluster.gpus:
            return f"GPU {gpu}"
        path = self.cluster.domain_path(0, int(self.cluster.gpu_node[gpu]))
        return f"{path}/gpu{self.cluster.gpu_local[gpu]}"

    def group(self, axis: str, tier: str, ranks: IntArray, domain: IntArray) -> str:
        """A group with the ranks that each domain of `tier` holds; both arrays have shape (members,)."""
        index, held = self.cluster.tier_index(tier), np.unique(domain)
        parts = [
            f"{numbers(ranks[domain == each])} in {self.cluster.domain_path(index, int(each))}"
            for each in held[:SHOWN]
        ]
        return f"{axis} group of {self.rank(ranks[0])} has {listed(parts, len(held), ' and ')}"


def listed(texts: Sequence[str], count: int, joint: str = "; ") -> str:
    """The texts, and how many more of `count` there are."""
    more = count - len(texts)
    return joint.join(texts) + (f" and {more} more" if more > 0 else "")


def numbers(ranks: IntArray) -> str:
    """A few ranks: ``ranks 0, 1, 2, 3 and 5 more``."""
    shown = [str(rank) for rank in ranks[:RANKS_SHOWN].tolist()]
    return f"rank{'s' if len(ranks) > 1 else ''} {listed(shown, len(ranks), ', ')}"
