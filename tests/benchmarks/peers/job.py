"""What a peer is told: a grid of cells, nodes with room for them, and the tree above the nodes.

The stage groups and the pairs of neighbours are nets of a hypergraph. Cut into the domains of one
tier, a net that touches k of them costs its weight times k - 1, so that the connectivity metric of a
partition is exactly the tier's crossing bytes: ``2 S`` is the weight of a stage's all-reduce of S bytes,
``V`` that of a pair which exchanges V bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]

HYPERGRAPH, PATH, CLIQUE = "hypergraph", "path", "clique"
CLIQUE_SCALE = 60


@dataclass(frozen=True, eq=False)
class Task:
    """Cells to be put into blocks.

    Parameters
    ----------
    stage, replica
        Coordinates of each cell, shape (cells,).
    after
        The cell of the next stage of the same replica, shape (cells,); -1 where there is none.
    shared
        Cost of each further block that the cells of one stage touch: 2 S.
    passed
        Cost of a cell and the one after it in two blocks: V.
    room
        Most cells of each block, shape (blocks,).
    """

    stage: IntArray
    replica: IntArray
    after: IntArray
    shared: int
    passed: int
    room: IntArray

    @property
    def cells(self) -> int:
        """Number of cells."""
        return len(self.stage)

    @property
    def before(self) -> IntArray:
        """The cell of the stage before, shape (cells,); -1 where there is none."""
        before = np.full(self.cells, -1)
        followed = np.flatnonzero(self.after >= 0)
        before[self.after[followed]] = followed
        return before

    def pairs(self) -> IntArray:
        """Cells that exchange data along the stages, shape (pairs, 2)."""
        followed = np.flatnonzero(self.after >= 0)
        return np.stack([followed, self.after[followed]], axis=1)

    def stages(self) -> list[IntArray]:
        """Cells of each stage that has any, in the order of replicas."""
        order = np.lexsort((self.replica, self.stage))
        return np.split(order, np.flatnonzero(np.diff(self.stage[order])) + 1)

    def nets(self) -> tuple[list[list[int]], list[int]]:
        """Nets of the hypergraph and their weights; nets of one cell are left out."""
        groups = [cells.tolist() for cells in self.stages() if len(cells) > 1]
        pairs = self.pairs().tolist()
        return groups + pairs, [self.shared] * len(groups) + [self.passed] * len(pairs)

    def edges(self, model: str) -> tuple[IntArray, IntArray]:
        """Edges of a graph that stands for the hypergraph, shape (edges, 2), and their weights.

        Tools for graphs know no nets. As ``path`` the cells of a stage are joined in the order of their
        replicas, which costs the same as the net while blocks hold neighbouring replicas, and else
        more. As ``clique`` each of n cells is joined to every other at weight / (n - 1).
        """
        pairs, passed = self.pairs(), self.passed
        joined, weights = [pairs], [np.full(len(pairs), passed * CLIQUE_SCALE)]
        for cells in self.stages():
            if model == PATH:
                joined.append(np.stack([cells[:-1], cells[1:]], axis=1))
                weight = self.shared * CLIQUE_SCALE
            else:
                first, second = np.triu_indices(len(cells), 1)
                joined.append(np.stack([cells[first], cells[second]], axis=1))
                weight = max(1, round(self.shared * CLIQUE_SCALE / max(1, len(cells) - 1)))
            weights.append(np.full(len(joined[-1]), weight))
        return np.concatenate(joined), np.concatenate(weights)

    def restricted(self, cells: IntArray, room: IntArray) -> Task:
        """Some of the cells alone, renumbered in the order given, into other blocks."""
        number = np.full(self.cells + 1, -1)
        number[cells] = np.arange(len(cells))
        after = number[self.after[cells]]
        return replace(self, stage=self.stage[cells], replica=self.replica[cells], after=after, room=room)


@dataclass(frozen=True, eq=False)
class Job:
    """A task whose blocks are the nodes of a cluster.

    Parameters
    ----------
    task
        The cells; ``task.room`` is the number of GPUs in service of each node.
    domain
        Domain of every node at each tier that traffic can cross, innermost first, shape (tiers, nodes);
        the first row is the nodes themselves.
    cost
        What a byte costs that leaves a domain of each tier, in whole numbers, shape (tiers,).
    """

    task: Task
    domain: IntArray
    cost: IntArray

    @property
    def tiers(self) -> int:
        """Number of tiers that traffic can cross."""
        return len(self.domain)

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.task.room)

    def shuffled(self, order: IntArray) -> Job:
        """The same job whose cell i is this one's cell ``order[i]``."""
        return replace(self, task=self.task.restricted(order, self.task.room))

    def trimmed(self) -> Job:
        """The job with exactly as many places as cells: the last nodes stay free.

        For tools that balance their blocks instead of keeping to a limit.
        """
        room = np.diff(np.minimum(np.cumsum(self.task.room), self.task.cells), prepend=0)
        return replace(self, task=replace(self.task, room=room))

    def arity(self) -> list[int] | None:
        """Children of every domain, innermost tier first, the cluster's last; None where they differ.

        Nodes of different room differ as well.
        """
        if len(set(self.task.room.tolist())) > 1:
            return None
        found = []
        parents = [*self.domain[1:], np.zeros(self.nodes, np.int64)]
        for inner, outer in zip(self.domain, parents, strict=True):
            pairs = np.unique(np.stack([outer, inner]), axis=1)
            children = set(np.bincount(pairs[0]).tolist())
            if len(children) > 1:
                return None
            found.append(children.pop())
        return found

    def save(self, path: Path) -> None:
        """Write all arrays to one file."""
        task = self.task
        np.savez(
            path,
            stage=task.stage,
            replica=task.replica,
            after=task.after,
            weights=[task.shared, task.passed],
            room=task.room,
            domain=self.domain,
            cost=self.cost,
        )


def load(path: Path) -> Job:
    """Read what `Job.save` wrote."""
    with np.load(path) as file:
        shared, passed = file["weights"].tolist()
        task = Task(file["stage"], file["replica"], file["after"], shared, passed, file["room"])
        return Job(task, file["domain"], file["cost"])
