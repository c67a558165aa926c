"""Placements in equal boxes that keep the busiest uplink free: fewer stages and replicas for each domain.

What crosses in all is least where domains are full. How busy one uplink is falls as more domains share the
work, each with a box of some consecutive stages by some replicas.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.solve.reduction.reduction import reduce_costs
from planner.solve.reduction.tree import Tree, above_each
from planner.solve.seats.realize import seat_ranks
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.problem import lay_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.problem import Layout, Problem

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

# Sizes of boxes that are tried, those first whose domains send least.
MOST_SIZES = 4
# To measure placements of more would take long.
MOST_CELLS = 50_000


class BoxSize(NamedTuple):
    """So many bands of stages, cut into so many columns of at most so many replicas; what a box sends."""

    bands: int
    columns: int
    replicas: int
    sent: float


def boxed_placements(problem: Problem) -> Iterator[IntArray]:
    """GPU of every rank, shape (world_size,), for ways to lay boxes of the largest cells that fit."""
    for blocks in candidate_blocks(problem.workload.mesh):
        layout = lay_out(problem, blocks)
        if layout is not None:
            if layout.cells <= MOST_CELLS:
                costs = reduce_costs(problem.workload.families, blocks)
                for home in boxed_homes(problem, layout, costs):
                    yield seat_ranks(problem, layout, home)
            return


def boxed_homes(problem: Problem, layout: Layout, costs: StageCosts) -> Iterator[IntArray]:
    """Domain of every cell at the layout's cell tier, shape (P, N), for ways to lay boxes, one by one."""
    tree, tiers = Tree.of(problem, layout), problem.cluster.tiers
    limited = [
        index
        for index, level in enumerate(tree.levels[:-1])
        if tiers[level.tier].uplink_bytes_per_s is not None
    ]
    if not limited:
        return
    around, room = above_each(tree, limited[0]), tree.levels[limited[0]].room
    for size in sorted(box_sizes(costs, room), key=lambda each: each.sent)[:MOST_SIZES]:
        tallest = -(-costs.stages // size.bands)
        fits = np.flatnonzero(room >= tallest * size.replicas).astype(np.int32)
        boxes = size.bands * size.columns
        spread = np.arange(boxes) * len(fits) // boxes
        for chosen, by_column in product((fits[:boxes], fits[spread]), (True, False)):
            domain = _lay(costs, size, chosen, by_column=by_column)
            yield _seated_inside(domain, around, layout.room)


def box_sizes(costs: StageCosts, room: IntArray) -> Iterator[BoxSize]:
    """For every number of bands the smallest boxes that there are domains enough for.

    Parameters
    ----------
    room
        Cells that fit each domain, shape (domains,).
    """
    pays = sum((coefficient for _, _, coefficient in costs.terms), start=np.zeros(costs.stages))
    v = np.concatenate(([0.0], costs.v, [0.0]))
    replicas = np.arange(1, costs.replicas + 1)
    columns = -(-costs.replicas // replicas)
    for bands in range(1, costs.stages + 1):
        stages = np.array_split(np.arange(costs.stages), bands)
        ordered = np.sort(room)
        enough = len(room) - np.searchsorted(ordered, len(stages[0]) * replicas) >= bands * columns
        if not enough.any():
            continue
        at = int(enough.argmax())
        held = 1 - 1 / columns[at]
        sent = max(
            pays[band].sum() * held + (v[band[0]] + v[band[-1] + 1]) / 2 * replicas[at] for band in stages
        )
        yield BoxSize(bands, int(columns[at]), int(replicas[at]), float(sent))


def _lay(costs: StageCosts, size: BoxSize, chosen: IntArray, *, by_column: bool) -> IntArray:
    """Domain of every cell, shape (P, N): boxes go to chosen domains column by column, or band by band."""
    band = np.repeat(
        np.arange(size.bands), [len(each) for each in np.array_split(np.arange(costs.stages), size.bands)]
    )
    column = np.repeat(
        np.arange(size.columns),
        [len(each) for each in np.array_split(np.arange(costs.replicas), size.columns)],
    )
    box = column * size.bands + band[:, None] if by_column else band[:, None] * size.columns + column
    laid: IntArray = chosen[box].astype(np.int32)
    return laid


def _seated_inside(domain: IntArray, around: IntArray, room: IntArray) -> IntArray:
    """The same by the domains inside, of these rooms: replica by replica, one after the other is filled."""
    order = np.argsort(around, kind="stable")
    places = np.repeat(order, room[order])
    begin = np.concatenate(([0], np.cumsum(np.bincount(around, room)))).astype(np.int64)
    by_replica = domain.T.reshape(-1)
    ranked = np.argsort(by_replica, kind="stable")
    held = np.bincount(by_replica, minlength=len(begin) - 1)
    nth = np.empty(len(by_replica), np.int64)
    nth[ranked] = np.arange(len(by_replica)) - np.repeat(np.cumsum(held) - held, held)
    seated: IntArray = places[begin[by_replica] + nth].reshape(domain.T.shape).T.astype(np.int32)
    return seated
