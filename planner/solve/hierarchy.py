"""Widths for every domain of the tree: from the top down, and from the bottom up."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.columns import CapacityClass
from planner.solve.cover import cover

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from planner.solve.control import Control
    from planner.solve.reduction import StageCosts
    from planner.solve.residual import Piece
    from planner.solve.tree import Level, Tree

    IntArray = NDArray[np.int32]


def tree_cost(tree: Tree, costs: StageCosts, widths: IntArray) -> float:
    """Weighted bytes of all levels below the root, without their constants."""
    per_level = tree.widths_upwards(widths)
    return sum(
        level.weight * float(costs.domain_bytes(each).sum())
        for level, each in zip(tree.levels[:-1], per_level, strict=False)
        if level.weight
    )


def candidates(
    tree: Tree, costs: StageCosts, rules: Mapping[str, int], control: Control
) -> Iterator[IntArray]:
    """Width vectors of the innermost domains, shape (domains, P), by several constructions.

    `rules` holds the tier that whole replicas (``pp``) or whole stages (``dp``) must keep to.
    """
    if rules:
        widths = ruled_widths(tree, costs, rules)
        if widths is not None:
            yield _cut_below(tree, *widths, costs, control)
        return
    everything = np.full((1, costs.stages), costs.replicas, np.int32)
    yield _cut_below(tree, len(tree.levels) - 1, everything, costs, control)
    if len(tree.levels) > 2:
        yield from bottom_up(tree, costs, control)


def ruled_widths(
    tree: Tree, costs: StageCosts, rules: Mapping[str, int]
) -> tuple[int, IntArray] | None:
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
    """Cut the job over the domains below level `index`, tier by tier inwards.

    Domains of one class with the same width vector are cut once.
    """
    for place in range(index, 0, -1):
        widths = _cut_level(tree.levels[place], tree.levels[place - 1], widths, costs, control)
    return widths


def _cut_level(
    outer: Level, inner: Level, widths: IntArray, costs: StageCosts, control: Control
) -> IntArray:
    """Cut each outer domain's width vector over its children."""
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
            known[key] = cover(costs, classes, widths[domain], control)
        for position, kind in enumerate(order):
            rows = [np.repeat(p.widths[None], p.count, axis=0) for p in known[key] if p.kind == position]
            if rows:
                below[mine[inner.kind[mine] == kind]] = _in_stage_order(np.concatenate(rows))
    return below


def _in_stage_order(rows: IntArray) -> IntArray:
    """Sort width vectors by their first stages, so that neighbours in the tree are neighbours in
    the pipeline.
    """
    return rows[np.lexsort(-rows.T[::-1])]


def bottom_up(tree: Tree, costs: StageCosts, control: Control) -> Iterator[IntArray]:
    """Choose the innermost pieces for the whole cluster, then deal them out in two orders.

    Sorted by stage, outer domains hold many replicas of few stages; dealt evenly, they hold all
    stages of few replicas.
    """
    inner = tree.levels[0]
    rooms, counts = np.unique(inner.room, return_counts=True)
    classes = [CapacityClass(int(r), int(n)) for r, n in zip(rooms, counts, strict=True)]
    coverage = np.full(costs.stages, costs.replicas, np.int32)
    pieces = cover(costs, classes, coverage, control)
    for evenly in (False, True):
        widths = np.zeros((len(inner.room), costs.stages), np.int32)
        for kind, room in enumerate(rooms):
            rows = [np.repeat(p.widths[None], p.count, axis=0) for p in pieces if p.kind == kind]
            if rows:
                widths[inner.room == room] = _dealt(rows) if evenly else _in_stage_order(np.concatenate(rows))
        yield widths


def _dealt(rows: list[IntArray]) -> IntArray:
    """Mix the pieces in proportion: the k-th of n equal ones stands at (k + 1/2) / n."""
    share = np.concatenate([(np.arange(len(r)) + 0.5) / len(r) for r in rows])
    first = np.concatenate([np.full(len(r), r[0].argmax() if r[0].any() else len(r[0])) for r in rows])
    return np.concatenate(rows)[np.lexsort((first, share))]
