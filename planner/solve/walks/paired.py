"""Top down by pairs: those inside one domain share out what it holds, two at a time, exactly but for noise.

What a domain holds decides what those inside it can do further in. So widths are charged for what they will
leave over there: where pieces of some width are usual further in, a stage that is no whole number of them
costs one piece more. By how much is a guess, drawn anew each time; of many placements made so the cheapest
is kept, domain by domain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.reduction.tree import summed
from planner.solve.setup.control import Control
from planner.solve.walks.anneal import costliest_cell
from planner.solve.walks.pairs import MOST_ROOM, Pairs
from planner.solve.walks.pairs_inside import shared_inside
from planner.solve.walks.top_down import cheaper_inside, lined_inside

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Level, Tree

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

HEATS, TURNS, RUNS_TRIED = (0.1, 0.2, 0.4), (20, 40, 80), 4
# Small jobs have time for more.
LONG_TURNS = (*TURNS, 160)
MOST_CHARGED = 0.9
# Placements of the first draft, of which the cheapest inside of each outermost domain is kept.
DRAFTS, FORCED = 4, 2
# States of the programme of two domains that take as long as a move of a walk, and moves that two domains
# take beside.
STATES_A_MOVE, MOVES_A_PAIR = 400, 3
# Parts of the time for the outermost tier of a draft, since all further in depends on it: until something is
# there, and until the draft goes on.
SOON_SHARE, OUTERMOST_SHARE = 0.03, 0.25
OUTERMOST_TURNS, ROUGH_TURNS = 3_000, 6


@dataclass(frozen=True)
class Ahead:
    """How widths are charged for what they leave over further in.

    Parameters
    ----------
    pieces
        The usual width of a piece at each level, innermost first; 0 where nothing is charged for it.
    charged
        Share of a piece's cost that is charged for one that is not whole, by level.
    """

    pieces: tuple[int, ...]
    charged: tuple[float, ...]

    @classmethod
    def drawn(cls, pieces: Sequence[float], random: np.random.Generator) -> Ahead:
        """Some charge, around pieces of these widths."""
        usual = tuple(int(each + random.random()) for each in pieces)
        return cls(usual, tuple((MOST_CHARGED * random.random(len(usual))).tolist()))

    def seen_from(self, tree: Tree, costs: StageCosts, index: int) -> StageCosts:
        """The terms of f at a level, with the charges for all levels inside."""
        level, width = tree.levels[index], np.arange(costs.replicas + 1)
        table = np.zeros((costs.stages, costs.replicas + 1))
        for inner, piece, charged in zip(tree.levels[:index], self.pieces, self.charged, strict=False):
            if piece > 1 and charged and inner.weight:
                whole = costs.holding(min(piece, costs.replicas))[:, -1:]
                left_over = -(-width // piece) - width / piece
                table += charged * inner.weight / level.weight * whole * left_over
        return costs.looking_ahead(table) if table.any() else costs


@dataclass(frozen=True)
class Sharing:
    """How those inside a domain share out in pairs.

    Parameters
    ----------
    ahead
        What widths are charged for.
    heat
        Noise in the beginning, as a share of the costliest cell's bytes.
    turns
        Pairs for each domain.
    """

    ahead: Ahead
    heat: float
    turns: int

    @classmethod
    def drawn(cls, ahead: Ahead, random: np.random.Generator, turns: tuple[int, ...] = TURNS) -> Sharing:
        """Some heat and length."""
        return cls(ahead, float(random.choice(HEATS)), int(random.choice(turns)))


FIRST = Sharing(Ahead((), ()), 0.2, 20)
# As good as other tools' best already, and sooner there.
ROUGH = Sharing(Ahead((), ()), 0.2, 8)


def usual_pieces(tree: Tree, widths: IntArray) -> list[float]:
    """The width of the piece that a cell lies in, in the mean, at each level but the root."""
    found = []
    for level, outer in zip(tree.levels[:-1], tree.levels[1:], strict=True):
        found.append(float((widths.astype(np.float64) ** 2).sum() / max(1, widths.sum())))
        widths = summed(widths, level.parent, len(outer.room))
    return found


def can_pair(costs: StageCosts, level: Level) -> bool:
    """Whether pairs of domains of a level can share out what they hold."""
    return not costs.rungs.any() and int(level.room.max()) <= MOST_ROOM


def work_inside(tree: Tree, index: int, turns: int) -> int:
    """About how many moves of a walk take as long as to fill the domains of a level by pairs."""
    work = 0.0
    for level in tree.levels[:index]:
        most = level.room.astype(np.float64)
        work += turns * float((2 * most**2 / STATES_A_MOVE + MOVES_A_PAIR).sum())
    return int(work)


def filled_by_pairs(
    tree: Tree,
    costs: StageCosts,
    index: int,
    widths: IntArray,
    how: Sharing,
    random: np.random.Generator,
    control: Control,
) -> IntArray:
    """Width vectors of the innermost domains, given those of the domains of level `index`."""
    for place in range(index - 1, -1, -1):
        level = tree.levels[place]
        widths = lined_inside(level, widths, costs, random, RUNS_TRIED)
        if level.weight and not control.over:
            view = how.ahead.seen_from(tree, costs, place)
            hot, seed = how.heat * costliest_cell(costs), int(random.integers(2**30))
            widths = shared_inside(view, level, widths, hot, how.turns, seed, control)
    return widths


def roughly_drafted(tree: Tree, costs: StageCosts, seed: int, control: Control) -> IntArray:
    """Width vectors of the innermost domains, shape (domains, P), by one round of pairs at each tier."""
    outer = _lined_outermost(tree, costs)
    pairs = Pairs(costs, tree.levels[-2], control, ROUGH_TURNS)
    outer = next(pairs.better(outer, patience=0), outer)
    random = np.random.default_rng(seed)
    return filled_by_pairs(tree, costs, len(tree.levels) - 2, outer, ROUGH, random, control)


def drafted_by_pairs(tree: Tree, costs: StageCosts, seed: int, control: Control) -> Iterator[IntArray]:
    """Width vectors of the innermost domains, shape (domains, P), each better than all before."""
    random, place = np.random.default_rng(seed), len(tree.levels) - 2
    # The first take moments, and without them what went before is lost: only the run's end cuts them off.
    unhurried = Control(control.time_limit_s, workers=control.workers, started=control.started)
    pairs, outer = Pairs(costs, tree.levels[-2], control), _lined_outermost(tree, costs)
    for share in (SOON_SHARE, OUTERMOST_SHARE):
        for better in control.limited(share, pairs.better(outer, OUTERMOST_TURNS)):
            outer = better
        best = filled_by_pairs(tree, costs, place, outer, FIRST, random, unhurried)
        yield best
    for turn in range(DRAFTS):
        if control.over and (turn >= FORCED or unhurried.over):
            return
        how = Sharing.drawn(Ahead.drawn(usual_pieces(tree, best), random), random)
        other = filled_by_pairs(tree, costs, place, outer, how, random, unhurried)
        best = cheaper_inside(tree, costs, place, best, other)
        yield best


def _lined_outermost(tree: Tree, costs: StageCosts) -> IntArray:
    """Width vectors of the outermost domains, shape (domains, P): cells in line, cut by their rooms."""
    coverage = np.full((1, costs.stages), costs.replicas, np.int32)
    return lined_inside(tree.levels[-2], coverage, costs)
