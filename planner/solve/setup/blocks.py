"""Blocks of ranks that travel together, and the cells they make.

A rank block is a whole tensor group; a cell is a run of consecutive tensor groups that holds whole
context and expert groups. Cells of one stage are interchangeable apart from the replica they
belong to, so the solver places cells and never a single rank of one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.workload.mesh import Mesh

    IntArray = NDArray[np.int32]


@dataclass(frozen=True)
class Blocks:
    """How a stage's ranks are cut into cells.

    Parameters
    ----------
    mesh
        The mesh that is cut.
    inner
        Ranks of the inner block: the whole tensor group, or 1 where even that is cut.
    run
        Inner blocks a cell holds, consecutive in the folded (cp, dp) index.
    """

    mesh: Mesh
    inner: int
    run: int

    @property
    def cell_ranks(self) -> int:
        """Ranks of a cell (B)."""
        return self.inner * self.run

    @property
    def replicas(self) -> int:
        """Cells of a stage (N)."""
        return self.mesh.world_size // self.mesh.pp // self.cell_ranks

    @property
    def stages(self) -> int:
        """Number of stages (P)."""
        return self.mesh.pp

    def rank_table(self) -> IntArray:
        """Rank at every (stage, cell, position in the cell), shape (P, N, B)."""
        mesh = self.mesh
        fast, slow = mesh.fold_order
        q = np.arange(mesh.cp * mesh.dp)
        per_stage = mesh.rank(
            {
                "tp": np.arange(mesh.tp)[None, None, :],
                fast: (q % mesh.degree(fast))[None, :, None],
                slow: (q // mesh.degree(fast))[None, :, None],
                "pp": np.arange(mesh.pp)[:, None, None],
            }
        )
        return per_stage.reshape(mesh.pp, self.replicas, self.cell_ranks)


def candidate_blocks(mesh: Mesh) -> list[Blocks]:
    """Every sensible cut into cells, largest cells first; the single rank is always the last."""
    folded = mesh.cp * mesh.dp
    fast = mesh.degree(mesh.fold_order[0])
    runs = {1, fast, mesh.ep, math.lcm(fast, mesh.ep)} if mesh.fold_order[0] == "cp" else {1, mesh.ep}

    def nests(run: int) -> bool:
        """Whether every group lies over the cells in the same way."""
        return folded % run == 0 and all(run % n == 0 or n % run == 0 for n in (fast, mesh.ep))

    cuts = [Blocks(mesh, mesh.tp, run) for run in sorted(runs, reverse=True) if nests(run)]
    if mesh.tp > 1:
        cuts.append(Blocks(mesh, 1, 1))
    return cuts
