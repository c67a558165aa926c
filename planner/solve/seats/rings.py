"""Joining a ring of stages: runs of cells become replicas that end beside where they begin.

On a path any two runs may be joined, and every tier keeps what its width vectors let it keep. On a ring
the last cell of a replica should also be in the domain of its first. So replicas are told apart by the
domain they begin in: those that begin in one domain have width vectors of their own, and are a path
but for their last cells. How to share the cells out among them is a small flow problem. On larger rings
replicas that were joined as paths exchange runs of stages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from planner.solve.seats.realize import ancestors, join_replicas, widths_of
from planner.solve.seats.ring_loops import rings_compiled
from planner.solve.setup.goal import Goal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Tree
    from planner.solve.setup.control import Control

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

MOST_SHARES = 4000
LIMIT_S = 2.0
MOST_CELLS = 40_000
TURNS, MOVES_A_CELL, HOT, COLD = 15, 20, 0.3, 0.1
# Turns without a gain after which more are not expected.
IDLE_TURNS = 5
# Of rounding, where all is closed.
CLOSED = 1e-9


def join_cells(tree: Tree, widths: IntArray, costs: StageCosts, control: Control) -> IntArray:
    """Innermost domain of every cell, shape (P, N): rings as rings where they are small enough.

    Parameters
    ----------
    widths
        Width vectors of the innermost domains, shape (domains, P).
    """
    folded = bool(costs.rungs.any())
    if folded or not costs.v_wrap:
        return join_replicas(tree, widths, folded)
    home = join_ring(tree, widths, costs, control, LIMIT_S)
    return close_rings(tree, join_replicas(tree, widths, folded), costs, control) if home is None else home


def close_rings(tree: Tree, home: IntArray, costs: StageCosts, control: Control) -> IntArray:
    """Replicas exchange runs of stages, so that more of them end beside where they begin.

    No domain's width vector changes. For rings that are too large for the flow problem.

    Parameters
    ----------
    home
        Innermost domain of every cell, shape (P, N).
    """
    from planner.solve.seats.ring_kernel import exchange_runs

    if home.size > MOST_CELLS or not rings_compiled(control):
        return home
    above = np.stack(ancestors(tree, len(tree.levels[0].room))[:-1])
    weights = np.asarray([level.weight for level in tree.levels[:-1]])
    kept = np.append(costs.v, costs.v_wrap)
    hot = HOT * float(weights.max() * kept.max())
    best, least, idle = home, paid_apart(home, above, weights, kept), 0
    fewest = _least_apart(home, above, weights, kept) * (1 + CLOSED)
    for turn in range(TURNS if hot else 0):
        if control.over or least <= fewest or idle == IDLE_TURNS:
            break
        found, moves = best.copy(), MOVES_A_CELL * home.size
        exchange_runs(found, above, weights, kept, hot, COLD * hot, moves, control.seed + turn)
        cost = paid_apart(found, above, weights, kept)
        idle = 0 if cost < least else idle + 1
        # What costs the same may lead further.
        best, least = (found, cost) if cost <= least else (best, least)
    return best


def paid_apart(home: IntArray, above: IntArray, weights: FloatArray, kept: FloatArray) -> float:
    """Weighted bytes between neighbouring stages of a ring that lie in different domains."""
    after = np.roll(home, -1, axis=0)
    paid = [
        weight * ((row[home] != row[after]).sum(axis=1) @ kept)
        for weight, row in zip(weights, above, strict=True)
    ]
    return float(sum(paid))


def _least_apart(home: IntArray, above: IntArray, weights: FloatArray, kept: FloatArray) -> float:
    """What is paid at least for these width vectors, of each tier as if it were the only one."""
    total = 0.0
    for weight, row in zip(weights, above, strict=True):
        widths = widths_of(row[home], int(row.max()) + 1)
        together = np.minimum(widths, np.roll(widths, -1, axis=1)).sum(axis=0)
        total += weight * float((home.shape[1] - together) @ kept)
    return total


def join_ring(
    tree: Tree, widths: IntArray, costs: StageCosts, control: Control, limit_s: float
) -> IntArray | None:
    """Innermost domain of every cell, shape (P, N), with as many bytes kept inside domains as can be.

    None where the flow problem is too large, or not solved within `limit_s`.

    Parameters
    ----------
    widths
        Width vectors of the innermost domains, shape (domains, P).
    costs
        Of a ring of at least three stages without rungs.
    """
    seam = int(np.argmin((widths > 0).sum(axis=0)))
    turned = np.roll(widths, -seam, axis=1)
    begins = int((turned[:, 0] > 0).sum())
    if begins * int((turned[:, 1:] > 0).sum()) > MOST_SHARES:
        return None
    model = RingModel(tree, turned, np.roll(np.append(costs.v, costs.v_wrap), -seam))
    search = control.search(model.cp, limit_s, plain=True)
    if not search.found:
        return None
    parts = [join_replicas(tree, each) for each in model.shares(search.solver)]
    return np.roll(np.concatenate(parts, axis=1), seam, axis=0)


class RingModel:
    """Which cells belong to replicas that begin in each domain; each method adds a constraint family.

    Parameters
    ----------
    widths
        Width vectors of the innermost domains, shape (domains, P), from the stage on that replicas are
        taken to begin with.
    kept
        Bytes that stay home when neighbours share a domain, shape (P,); the last joins last and first.
    """

    def __init__(self, tree: Tree, widths: IntArray, kept: FloatArray) -> None:
        from ortools.sat.python import cp_model

        self.tree, self.widths, self.kept = tree, widths, kept
        self.stages = widths.shape[1]
        self.above = ancestors(tree, len(widths))
        self.begins = np.flatnonzero(widths[:, 0]).tolist()
        self.cp = cp_model.CpModel()
        self.share = {
            begin: [self.stage(begin, stage) for stage in range(self.stages)] for begin in self.begins
        }
        self.conserve()
        self.cp.minimize(self.lost().scaled()[0])

    def stage(self, begin: int, stage: int) -> dict[int, Any]:
        """Cells of a stage in each domain that belong to the replicas which begin in `begin`."""
        most = int(self.widths[begin, 0])
        if not stage:
            return {begin: most}
        held = self.widths[:, stage]
        return {d: self.cp.new_int_var(0, min(most, int(held[d])), "") for d in np.flatnonzero(held).tolist()}

    def conserve(self) -> None:
        """Ensures that each replica has a cell of each stage, and each cell a replica."""
        for stage in range(1, self.stages):
            for begin in self.begins:
                self.cp.add(sum(self.share[begin][stage].values()) == int(self.widths[begin, 0]))
            for domain in np.flatnonzero(self.widths[:, stage]).tolist():
                cells = [self.share[begin][stage][domain] for begin in self.begins]
                self.cp.add(sum(cells) == int(self.widths[domain, stage]))

    def lost(self) -> Goal:
        """What is kept inside the domains of every tier, with its sign turned."""
        goal = Goal()
        for level, above in zip(self.tree.levels[:-1], self.above, strict=False):
            for begin in self.begins:
                for stage in range(self.stages):
                    weight = -level.weight * float(self.kept[stage])
                    for together in self._kept(begin, stage, above) if weight else ():
                        goal.add(weight, together, int(self.widths[begin, 0]))
        return goal

    def _kept(self, begin: int, stage: int, above: IntArray) -> list[Any]:
        """For each domain of a tier the cells of a stage that are beside the next, of some replicas."""
        here = self._within(self.share[begin][stage], above)
        if stage == self.stages - 1:
            return [here[int(above[begin])]] if int(above[begin]) in here else []
        there = self._within(self.share[begin][stage + 1], above)
        kept = []
        for domain in here.keys() & there.keys():
            together = self.cp.new_int_var(0, int(self.widths[begin, 0]), "")
            self.cp.add(together <= here[domain])
            self.cp.add(together <= there[domain])
            kept.append(together)
        return kept

    def _within(self, cells: dict[int, Any], above: IntArray) -> dict[int, Any]:
        """Sums over the domains of a tier."""
        sums: dict[int, Any] = {}
        for domain, count in cells.items():
            outer = int(above[domain])
            sums[outer] = sums[outer] + count if outer in sums else count
        return sums

    def shares(self, solver: Any) -> list[IntArray]:
        """Width vectors of the replicas that begin in each domain, each of shape (domains, P)."""
        found = []
        for begin in self.begins:
            widths = np.zeros_like(self.widths)
            for stage, cells in enumerate(self.share[begin]):
                for domain, count in cells.items():
                    widths[domain, stage] = int(solver.value(count)) if stage else count
            found.append(widths)
        return found
