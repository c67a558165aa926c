"""A few domains at a time hand in their cells and share them out anew: large neighbourhood search.

Domains of one tier that lie in the same domain around them, and hold much the same stages, are joined in
groups. What a group holds is placed in it again, from the outside in or by a walk from where it is, and kept
where that costs no more inside. Nothing outside a group notices, so all groups of a tier are tried at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.joint.guide import Guide
from planner.solve.reduction.tree import Level, Tree, above_each, summed, tree_cost
from planner.solve.walks.anneal import costliest_cell
from planner.solve.walks.inside import Walk, walked_inside
from planner.solve.walks.paired import (
    LONG_TURNS,
    TURNS,
    Ahead,
    Sharing,
    can_pair,
    filled_by_pairs,
    usual_pieces,
    work_inside,
)
from planner.solve.walks.top_down import COLD, Effort, costs_inside, filled_inside

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.control import Control

    IntArray = NDArray[np.int32]

FEWEST, MOST = 2, 5
SPREADS = (0.02, 0.1, 1.0)
HEATS, BATCHES = (0.05, 0.1, 0.2, 0.4), (0.5, 0.9)
MOVES_A_CELL = (10, 20, 40, 80)
RUNS_TRIED = 4
WHOLE, NEAR = 0.1, 0.2
# From so many cells on pairs take the place of walks that begin afresh.
PAIRED_CELLS = 700
# Weight of the last turn in what a kind of turn is expected to gain.
LEARNT = 0.3
# What a turn costs at least, in moves: to order domains takes time as well.
LEAST_WORK, LEAST_S = 5_000, 0.002


class _Way(Enum):
    """How what a group holds is placed in it again; charged: widths pay for what they cost further in."""

    WALKED_AFRESH = auto()
    CHARGED_AFRESH = auto()
    WALKED_ON = auto()
    PAIRED = auto()


@dataclass
class _Kind:
    """A kind of turn: how cells are placed, at which level, and what it gained by the move."""

    way: _Way
    index: int
    worth: float = np.inf


class Regrouping:
    """Turns of one kind or another, those more often that gained most for their moves of late."""

    def __init__(self, tree: Tree, costs: StageCosts, control: Control, guide: Guide | None = None) -> None:
        self.tree, self.costs, self.control = tree, costs, control
        self.guide = guide or Guide(tree, costs)
        self.levels = len(tree.levels) - 1
        order = range(self.levels - 1, -1, -1)
        several = [index for index in order if self._several(index) and self._priced(index)]
        if self._large:
            # The outermost tier of a draft is good already.
            several = [*several[1:], *several[:1]]
        self.kinds = [
            _Kind(way, index)
            for way in self._ways
            for index in several
            if index or way is not _Way.CHARGED_AFRESH
        ]
        self.turns = 0

    @property
    def _ways(self) -> list[_Way]:
        """The ways that there are; what pairs do afresh in large jobs walks do not do as well."""
        walked = [_Way.CHARGED_AFRESH, _Way.WALKED_AFRESH, _Way.WALKED_ON]
        if not all(can_pair(self.costs, level) for level in self.tree.levels[:-1]):
            return walked
        return [_Way.PAIRED, _Way.WALKED_ON] if self._large else [_Way.PAIRED, *walked]

    @property
    def _timed(self) -> bool:
        """Whether kinds of turns compete by the time they take: of walks and pairs moves say little.

        Not where runs must repeat themselves, and in large jobs walks only finish what pairs do.
        """
        return not self.control.deterministic and not self._large

    @property
    def _large(self) -> bool:
        """Whether pairs take the place of walks that begin afresh."""
        return self.costs.stages * self.costs.replicas >= PAIRED_CELLS

    def _several(self, index: int) -> bool:
        """Whether some domain around those of a level holds more than one of them."""
        return bool(np.bincount(self.tree.levels[index].parent).max() > 1)

    def _priced(self, index: int) -> bool:
        """Whether a level, or one inside it, costs anything: else it makes no difference who holds what."""
        return any(level.weight for level in self.tree.levels[: index + 1])

    def turn(self, widths: IntArray, seed: int, most_moves: float) -> tuple[IntArray, float]:
        """Width vectors that cost no more, shape (domains, P), and the moves that were made.

        Each cell makes about `most_moves` at most.
        """
        random = np.random.default_rng(seed)
        kind = self._next(random)
        inside = 1 if kind.way is _Way.WALKED_ON else kind.index + 1
        wanted = min(random.choice(MOVES_A_CELL), most_moves / inside)
        moves = max(MOVES_A_CELL[0] // 2, int(wanted))
        started = self.control.elapsed_s
        found, work = self._placed(kind, widths, moves, random)
        work = max(LEAST_WORK, work)
        seconds = max(LEAST_S, self.control.elapsed_s - started)
        effort = seconds if self._timed else work
        gain = tree_cost(self.tree, self.costs, widths) - tree_cost(self.tree, self.costs, found)
        known = 0.0 if np.isinf(kind.worth) else kind.worth
        kind.worth = (1 - LEARNT) * known + LEARNT * max(0.0, gain) / effort
        return found, work

    def _next(self, random: np.random.Generator) -> _Kind:
        """Each kind once, then now a random one, now the one that is expected to gain most."""
        self.turns += 1
        best = max(self.kinds, key=lambda kind: kind.worth)
        if np.isinf(best.worth) or self.turns % 2:
            return best
        return self.kinds[int(random.integers(len(self.kinds)))]

    def _placed(
        self, kind: _Kind, widths: IntArray, moves: int, random: np.random.Generator
    ) -> tuple[IntArray, int]:
        """The placement with the cells of each group placed again where that costs no more, and the moves."""
        tree, content = self._grouped(kind.index, widths, random)
        if kind.way is _Way.PAIRED:
            new, work = self._shared_out(kind, tree, content, widths, random)
        else:
            new = self._walked(kind, tree, content, widths, moves, random)
            work = moves * (1 if kind.way is _Way.WALKED_ON else kind.index + 1) * int(widths.sum())
        before, after = (costs_inside(tree, self.costs, kind.index + 1, each) for each in (widths, new))
        return np.where((after <= before)[above_each(tree, kind.index + 1)][:, None], new, widths), work

    def _grouped(self, index: int, widths: IntArray, random: np.random.Generator) -> tuple[Tree, IntArray]:
        """The tree with groups around the domains of a level, and what each holds, shape (groups, P)."""
        level, held = self.tree.levels[index], widths
        for inner, outer in zip(self.tree.levels[:index], self.tree.levels[1:], strict=False):
            held = summed(held, inner.parent, len(outer.room))
        group = grouped(level, held, random)
        groups = int(group.max()) + 1
        none = np.zeros(groups, np.int32)
        rooms = np.bincount(group, level.room, minlength=groups).astype(np.int32)
        inside = (*self.tree.levels[:index], replace(level, parent=group))
        tree = Tree((*inside, Level(-1, 0.0, rooms, none, none), self.tree.levels[-1]))
        return tree, summed(held, group, groups)

    def _walked(
        self,
        kind: _Kind,
        tree: Tree,
        content: IntArray,
        widths: IntArray,
        moves: int,
        random: np.random.Generator,
    ) -> IntArray:
        """The content of each group after walks, from nothing or from where it is."""
        heat, batch, seed = random.choice(HEATS), random.choice(BATCHES), int(random.integers(2**31))
        if kind.way is not _Way.WALKED_ON:
            charges = self.guide.charges(self.control) if kind.way is _Way.CHARGED_AFRESH else {}
            effort = Effort(moves, float(heat), float(batch), runs=RUNS_TRIED, charges=charges)
            return filled_inside(tree, self.costs, kind.index + 1, content, effort, seed, self.control)
        cell = costliest_cell(self.costs)
        weights = [each.weight for each in tree.levels[: kind.index + 1] if each.weight]
        how = Walk(heat * cell * max(weights), COLD * cell * min(weights), moves, WHOLE, NEAR, float(batch))
        return walked_inside(tree, self.costs, kind.index + 1, widths, how, seed, self.control)

    def _shared_out(
        self, kind: _Kind, tree: Tree, content: IntArray, widths: IntArray, random: np.random.Generator
    ) -> tuple[IntArray, int]:
        """The content of each group after pairs inside it shared out, and the moves that it takes."""
        ahead = Ahead.drawn(usual_pieces(self.tree, widths), random)
        how = Sharing.drawn(ahead, random, TURNS if self._large else LONG_TURNS)
        new = filled_by_pairs(tree, self.costs, kind.index + 1, content, how, random, self.control)
        return new, work_inside(tree, kind.index + 1, how.turns)


def grouped(level: Level, held: IntArray, random: np.random.Generator) -> IntArray:
    """Number of the group of each domain of a level, shape (domains,): a few in the same domain around them.

    Parameters
    ----------
    held
        Width vectors of the level's domains, shape (domains, P): those of a group hold much the same stages.
    """
    domains, stages = held.shape
    centre = held @ np.arange(stages) / np.maximum(held.sum(axis=1), 1)
    centre = centre + random.choice(SPREADS) * stages * random.standard_normal(domains)
    order = np.lexsort((centre, level.parent))
    parent = level.parent[order].astype(np.int64)
    size = int(random.integers(FEWEST, MOST + 1))
    place = np.arange(domains) - np.searchsorted(parent, parent)
    turned = place + random.integers(size, size=int(parent.max()) + 1)[parent]
    number = np.empty(domains, np.int64)
    number[order] = parent * domains + turned // size
    return np.unique(number, return_inverse=True)[1].reshape(-1).astype(np.int32)
