"""Widths for every domain of the tree: each tier in turn leads, the others follow."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.columns.master import CapacityClass
from planner.solve.columns.residual import fill_in_line
from planner.solve.columns.rows import pieces_of
from planner.solve.hierarchy.cover import cover
from planner.solve.reduction.tree import cost_from
from planner.solve.walks.exchange import swap_children

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from planner.solve.columns.residual import Piece
    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Tree
    from planner.solve.setup.control import Control

    IntArray = NDArray[np.int32]

INNER_EFFORT = 0.1
ALONE_EFFORT = 2.0
USUAL_S, MOST_ALONE_S = 10.0, 60.0
LEAD_EFFORT = 0.5
LEAD_SHARE = 0.6


def candidates(
    tree: Tree,
    costs: StageCosts,
    rules: Mapping[str, int],
    floors: Sequence[float],
    control: Control,
    learn: Callable[[int, float], None],
    least: float = np.inf,
    start: IntArray | None = None,
) -> Iterator[IntArray]:
    """Width vectors of the innermost domains, shape (domains, P), by several constructions.

    Each tier in turn, the outermost first, is covered for the whole cluster at once; its pieces are
    then dealt out to the domains around them, and cut for the domains inside.

    Parameters
    ----------
    rules
        The tier that whole replicas (``pp``) or whole stages (``dp``) must keep to.
    floors
        Lower bound on the weighted bytes of every level, constants left out: a start that cannot
        beat the best so far is not cut further.
    learn
        Told the lower bound on a level's sum of f wherever covering it gave one.
    least
        Weighted bytes of the best placement known, where there is one: what cannot beat it is not cut
        further either, and nothing is once the time is over.
    start
        Of a single tier: known width vectors, shape (domains, P), that its cover begins with.
    """
    if rules:
        ruled = ruled_widths(tree, costs, rules)
        if ruled is not None:
            yield _cut_below(tree, *ruled, costs, control)
        return
    best, effort = least, _effort_alone(control) if len(tree.levels) == 2 else LEAD_EFFORT
    # The outermost tiers first: they are quick to cover, and what they give is the better start.
    for index in reversed(range(len(tree.levels) - 1)):
        if best < np.inf and control.over:
            return
        with control.step(1.0 if index == 0 else LEAD_SHARE):
            led, bound = cover_level(tree, index, costs, control, effort, start)
            learn(index, bound)
            certain = cost_from(tree, index, costs, led) + sum(floors[:index])
            if certain >= best or (best < np.inf and control.over):
                continue
            widths = _cut_below(tree, index, led, costs, control)
        best = min(best, cost_from(tree, 0, costs, widths))
        yield widths


def _effort_alone(control: Control) -> float:
    """Effort for a single tier: more where there is more time than usual."""
    left_s = USUAL_S if control.deterministic else min(control.left_s, MOST_ALONE_S)
    return ALONE_EFFORT * max(1.0, left_s / USUAL_S)


def cover_level(
    tree: Tree,
    index: int,
    costs: StageCosts,
    control: Control,
    effort: float,
    start: IntArray | None = None,
) -> tuple[IntArray, float]:
    """Cover the whole job by the domains of one level, dealt to the levels above in the best order.

    Begins with the width vectors `start` where these are known. Returns their width vectors, shape
    (domains, P), and a lower bound on the level's sum of f.
    """
    level = tree.levels[index]
    kinds, first, counts = np.unique(level.kind, return_index=True, return_counts=True)
    classes = [CapacityClass(int(level.room[f]), int(n)) for f, n in zip(first, counts, strict=True)]
    coverage = np.full(costs.stages, costs.replicas, np.int32)
    known = None if start is None else pieces_of(start, level.kind)
    found = cover(costs, classes, coverage, control, effort, known)
    decks = [
        _Deck(np.concatenate([np.repeat(p.widths[None], p.count, 0) for p in found.pieces if p.kind == kind]))
        for kind in range(len(kinds))
    ]
    outermost = index == len(tree.levels) - 2
    best, least = None, np.inf
    for group in range(1, 2 if outermost else costs.stages + 1):
        widths = np.zeros((len(level.room), costs.stages), np.int32)
        for kind, deck in zip(kinds, decks, strict=True):
            widths[level.kind == kind] = deck.dealt(group)
        cost = cost_from(tree, index, costs, widths)
        if best is None or cost < least:
            best, least = widths, cost
    assert best is not None
    return best if outermost else swap_children(tree, index, costs, best, control), found.bound


class _Deck:
    """Pieces, one row each, to be dealt to domains in a good order; `rows` has shape (pieces, P)."""

    def __init__(self, rows: IntArray) -> None:
        self.rows = rows
        self.centre = (rows @ np.arange(rows.shape[1])) / np.maximum(rows.sum(axis=1), 1)
        _, kind, count = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
        kind = kind.reshape(-1)
        order = np.argsort(kind, kind="stable")
        place = np.empty(len(rows))
        place[order] = np.arange(len(rows)) - np.searchsorted(kind[order], kind[order])
        self.share = (place + 0.5) / count[kind]

    def dealt(self, group: int) -> IntArray:
        """Order pieces by runs of `group` stages, and mix the pieces of one run in proportion.

        The k-th of n equal pieces stands at (k + 1/2) / n of its run, so that domains which take
        neighbours in this order hold all stages of the run equally.
        """
        run = np.where(self.rows.any(axis=1), self.centre // group, self.rows.shape[1])
        return self.rows[np.lexsort((self.centre, self.share, run))]


def ruled_widths(tree: Tree, costs: StageCosts, rules: Mapping[str, int]) -> tuple[int, IntArray] | None:
    """Fill the domains of the innermost ruled tier with whole replicas or whole stages, in order.

    Returns the level and its width vectors, shape (domains, P), or None where the cells do not fit
    that way.
    """
    axis = min(rules, key=lambda each: rules[each])
    places = [index for index, level in enumerate(tree.levels) if level.tier == rules[axis]]
    if not places:
        return None
    room = tree.levels[places[0]].room
    if axis == "pp":
        each = room // costs.stages
        replicas = np.minimum(each, np.maximum(0, costs.replicas - (np.cumsum(each) - each)))
        widths = np.repeat(replicas[:, None], costs.stages, axis=1).astype(np.int32)
        return (places[0], widths) if replicas.sum() == costs.replicas else None
    widths, stage = np.zeros((len(room), costs.stages), np.int32), 0
    for domain in np.argsort(-room, kind="stable"):
        fitting = min(int(room[domain]) // costs.replicas, costs.stages - stage)
        widths[domain, stage : stage + fitting] = costs.replicas
        stage += fitting
    return (places[0], widths) if stage == costs.stages else None


def _cut_below(tree: Tree, index: int, widths: IntArray, costs: StageCosts, control: Control) -> IntArray:
    """Cut the job over the domains below level `index`, tier by tier inwards."""
    for place in range(index, 0, -1):
        widths = cut_level(tree, place, widths, costs, control)
    return widths


def cut_level(
    tree: Tree, index: int, widths: IntArray, costs: StageCosts, control: Control, *, in_line: bool = False
) -> IntArray:
    """Cut the width vector of each domain of a level over the domains inside; `costs` are those inside.

    Domains of one class with the same width vector are cut once; where asked so, in line, which is quick.
    """
    outer, inner = tree.levels[index], tree.levels[index - 1]
    children = np.argsort(inner.parent, kind="stable")
    starts = np.searchsorted(inner.parent[children], np.arange(len(outer.room) + 1))
    below = np.zeros((len(inner.room), costs.stages), np.int32)
    known: dict[tuple[int, bytes], list[Piece]] = {}
    for domain in range(len(outer.room)):
        mine = children[starts[domain] : starts[domain + 1]]
        kinds = Counter(inner.kind[mine].tolist())
        room = dict(zip(inner.kind[mine].tolist(), inner.room[mine].tolist(), strict=True))
        order = sorted(kinds)
        key = (int(outer.kind[domain]), widths[domain].tobytes())
        if key not in known:
            classes = [CapacityClass(room[kind], kinds[kind]) for kind in order]
            if in_line and widths[domain].any():
                known[key] = fill_in_line(costs, classes, widths[domain])
            else:
                known[key] = cover(costs, classes, widths[domain], control, INNER_EFFORT).pieces
        for position, kind in enumerate(order):
            rows = [np.repeat(p.widths[None], p.count, axis=0) for p in known[key] if p.kind == position]
            if rows:
                below[mine[inner.kind[mine] == kind][: sum(map(len, rows))]] = _in_stage_order(
                    np.concatenate(rows)
                )
    return below


def _in_stage_order(rows: IntArray) -> IntArray:
    """Sort width vectors by their first stages: neighbours in the tree, neighbours in the pipeline."""
    return rows[np.lexsort(-rows.T[::-1])]
