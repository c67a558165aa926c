"""From width vectors to GPUs: join runs of stages into replicas, then seat every rank."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.reduction.tree import summed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.reduction.tree import Tree
    from planner.solve.setup.problem import Layout, Problem

    IntArray = NDArray[np.int32]


def join_replicas(tree: Tree, widths: IntArray, folded: bool = False) -> IntArray:
    """Innermost domain of every cell, shape (P, N).

    One sweep over the stages: a replica stays in its domain where the next stage has room there;
    the others look inside the next larger domain, and so on outwards. Each tier then joins
    ``min(w[p], w[p + 1])`` cells in each of its domains, the most there can be.

    A folded pipeline is swept from both ends towards the middle, and the cell of stage P - 1 - p
    looks for a place beside those of stages P - p and p, then beside the first of them alone.
    """
    stages, replicas = widths.shape[1], int(widths[:, 0].sum())
    above = ancestors(tree, len(widths))
    home = np.zeros((stages, replicas), np.int32)
    home[0] = np.repeat(np.arange(len(widths)), widths[:, 0])
    for stage, beside in _sweep_order(stages, folded)[1:]:
        home[stage] = _next_stage([home[each] for each in beside], widths[:, stage], above)
    return home


def is_joined(tree: Tree, home: IntArray, widths: IntArray) -> bool:
    """Whether at every tier as many cells share a domain with the next stage's as their widths allow.

    Parameters
    ----------
    home
        Innermost domain of every cell, shape (P, N).
    widths
        The width vectors of these domains, shape (domains, P).
    """
    for level, outer in pairwise(tree.levels):
        together = np.count_nonzero(home[1:] == home[:-1])
        if together < np.minimum(widths[:, 1:], widths[:, :-1]).sum():
            return False
        home, widths = level.parent[home], summed(widths, level.parent, len(outer.room))
    return True


def _sweep_order(stages: int, folded: bool) -> list[tuple[int, list[int]]]:
    """Stages in the order they are placed, each with the placed ones it wants to be beside."""
    if not folded:
        return [(stage, [stage - 1]) for stage in range(stages)]
    order = []
    for stage in range((stages + 1) // 2):
        order.append((stage, [stage - 1]))
        if (mirror := stages - 1 - stage) != stage:
            order.append((mirror, [mirror + 1, stage] if stage else [stage]))
    return order


def ancestors(tree: Tree, domains: int) -> list[IntArray]:
    """Enclosing domain of every innermost domain at each level, each of shape (domains,)."""
    above = [np.arange(domains, dtype=np.int32)]
    for level in tree.levels[:-1]:
        above.append(level.parent[above[-1]])
    return above


def _next_stage(beside: list[IntArray], wanted: IntArray, ancestors: list[IntArray]) -> IntArray:
    """Domain of each replica's next cell, given those it wants to be beside and the free places."""
    after = np.full(len(beside[0]), -1, np.int32)
    waiting = np.arange(len(after))
    places = np.repeat(np.arange(len(wanted), dtype=np.int32), wanted)
    for above in ancestors[:-1]:
        together = np.logical_and.reduce([above[each] == above[beside[0]] for each in beside])
        for eager in (together, ~together) if len(beside) > 1 else (together,):
            asking = waiting[eager[waiting]]
            asking = asking[np.argsort(above[beside[0][asking]], kind="stable")]
            places = places[np.argsort(above[places], kind="stable")]
            served, taken = _matched(above[beside[0][asking]], above[places])
            after[asking[served]] = places[taken]
            waiting, places = waiting[after[waiting] < 0], places[~taken]
        if not len(waiting):
            return after
    # In the whole cluster all are together.
    after[waiting] = places[: len(waiting)]
    return after


def _matched(asks: IntArray, offers: IntArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of two sorted lists of domains find a partner in the same domain, in order."""
    size = int(max(asks.max(initial=-1), offers.max(initial=-1))) + 1
    asked, offered = np.bincount(asks, minlength=size), np.bincount(offers, minlength=size)
    pairs = np.minimum(asked, offered)
    return _place_in_run(asks, asked) < pairs[asks], _place_in_run(offers, offered) < pairs[offers]


def widths_of(home: IntArray, domains: int) -> IntArray:
    """Width vectors of the innermost domains, shape (domains, P), from the domain of every cell."""
    return np.stack([_counted(stage, domains) for stage in home], axis=1)


def _counted(domains: IntArray, count: int) -> IntArray:
    """How often each domain occurs, shape (count,)."""
    return np.bincount(domains, minlength=count).astype(np.int32)


def _place_in_run(ordered: IntArray, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Position of each entry among its equals in a sorted array, given how often each number occurs."""
    starts = np.cumsum(counts) - counts
    places: NDArray[np.int64] = np.arange(len(ordered)) - starts[ordered]
    return places


def seat_ranks(problem: Problem, layout: Layout, home: IntArray) -> IntArray:
    """GPU of every rank, shape (world_size,), from the domain of every cell, shape (P, N)."""
    cells = _counted(home.reshape(-1), len(layout.room))
    seats = (
        _Seats(problem, layout).of_cells(cells)
        if layout.bundles is None
        else _bundled(problem, layout, cells)
    )
    if (problem.cluster.gpu_rail >= 0).any():
        domain = np.repeat(np.arange(len(cells), dtype=np.int32), cells)
        seat = _take_seats(home, domain, problem.cluster.gpu_local[seats[:, 0]])
    else:
        seat = _seats_in_order(home)
    gpu_of_rank = np.empty(problem.workload.mesh.world_size, np.int32)
    gpu_of_rank[layout.blocks.rank_table().reshape(-1)] = seats[seat].reshape(-1)
    return gpu_of_rank


def _seats_in_order(home: IntArray) -> IntArray:
    """Seat of every cell, shape (P * N,), where seats of a domain are alike; they are ordered by domain."""
    seat = np.empty(home.size, np.int32)
    seat[np.argsort(home.reshape(-1), kind="stable")] = np.arange(home.size, dtype=np.int32)
    return seat


def _take_seats(home: IntArray, domain: IntArray, berth: IntArray) -> IntArray:
    """Seat of every cell, shape (P * N,); seats are ordered by their domain, shape (seats,).

    A cell whose replica comes from another domain takes the same berth (index in the node) as its
    neighbour there where that is free, so that what they exchange stays on one rail; the others take
    the lowest berths left.
    """
    berths = int(berth.max()) + 1
    seat = np.empty(home.shape, np.int32)
    place = domain.astype(np.int64) * berths + berth
    free = np.argsort(place, kind="stable").astype(np.int32)
    for stage, wanted in enumerate(home):
        waiting = np.argsort(wanted, kind="stable")
        if stage:
            before = seat[stage - 1]
            moved = np.flatnonzero(home[stage - 1] != wanted)
            asks = wanted[moved].astype(np.int64) * berths + berth[before[moved]]
            order = np.argsort(asks, kind="stable")
            moved = moved[order]
            served, taken = _matched(asks[order], place[free])
            seat[stage, moved[served]] = free[taken]
            free = free[~taken]
            left = np.ones(len(wanted), np.bool_)
            left[moved[served]] = False
            waiting = waiting[left[waiting]]
        served, taken = _matched(wanted[waiting], domain[free])
        seat[stage, waiting[served]] = free[taken]
        free = free[~taken]
    return seat.reshape(-1)


def _bundled(problem: Problem, layout: Layout, cells: IntArray) -> IntArray:
    """GPUs of as many cells as each bundle holds, shape (all cells, B), ordered by bundle."""
    bundles = layout.bundles
    assert bundles is not None
    bundle = np.repeat(np.arange(len(cells), dtype=np.int32), cells)
    number = _place_in_run(bundle, np.bincount(bundle))
    seats = np.empty((len(bundle), layout.blocks.cell_ranks), np.int32)
    for size in np.unique(bundles.part_ranks).tolist():
        room = problem.ranks_that_fit[bundles.cut.tier] // size
        groups, start = _groups(problem, bundles.cut.tier, size, room), np.cumsum(room) - room
        rows = np.flatnonzero(bundles.part_ranks[bundle] == size)
        domain = bundles.domains[bundle[rows], : layout.blocks.cell_ranks // size]
        seats[rows] = groups[start[domain] + number[rows, None]].reshape(-1, layout.blocks.cell_ranks)
    return seats


def _groups(problem: Problem, tier: int, size: int, room: IntArray) -> IntArray:
    """GPUs in groups of one size inside the domains of a tier, shape (groups, size), ordered by domain.

    GPUs that share an aligned group, and so keep their rails, are in one where all of them are free.

    Parameters
    ----------
    room
        Groups to make in each domain, shape (domains,).
    """
    cluster, gpus = problem.cluster, np.flatnonzero(problem.available)
    domain = cluster.domain_of_gpu[tier][gpus]
    aligned = cluster.gpu_node[gpus].astype(np.int64) * (1 << 20) + cluster.gpu_local[gpus] // size
    _, member, shared = np.unique(aligned, return_inverse=True, return_counts=True)
    order = np.lexsort((gpus, shared[member] < size, domain))
    gpus, domain = gpus[order], domain[order]
    kept = _place_in_run(domain, np.bincount(domain)) < room[domain] * size
    return gpus[kept].reshape(-1, size).astype(np.int32)


class _Seats:
    """Seats for inner blocks: groups of GPUs in one domain of the layout's inner tier.

    Ordered by cell domain, best seats first: a domain with more room than it needs leaves the GPUs
    of its least complete nodes free. Within a node, GPUs that share an aligned group (and so keep
    their rails) are seated together.
    """

    def __init__(self, problem: Problem, layout: Layout) -> None:
        cluster, blocks = problem.cluster, layout.blocks
        self.run, self.cell_ranks = blocks.run, blocks.cell_ranks
        self.gpus = _groups(problem, layout.inner_tier, blocks.inner, layout.inner_room)
        first = self.gpus[:, 0]
        above = cluster.domain_of_gpu[layout.cell_tier][first]
        fullness = problem.ranks_that_fit[0][cluster.gpu_node[first]]
        self.best_first = np.lexsort((first, -fullness, above))
        self.start = np.concatenate(([0], np.cumsum(np.bincount(above, minlength=len(layout.room)))))

    def of_cells(self, cells: IntArray) -> IntArray:
        """GPUs of as many cells as each domain holds, shape (all cells, B), ordered by domain."""
        blocks = cells * self.run
        domain = np.repeat(np.arange(len(cells), dtype=np.int32), blocks)
        chosen = self.best_first[self.start[domain] + _place_in_run(domain, np.bincount(domain))]
        chosen = chosen[np.lexsort((self.gpus[chosen, 0], domain))]
        return self.gpus[chosen].reshape(-1, self.cell_ranks)
