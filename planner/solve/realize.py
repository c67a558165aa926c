"""From width vectors to GPUs: join runs of stages into replicas, then seat every rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.problem import Layout, Problem
    from planner.solve.tree import Tree

    IntArray = NDArray[np.int32]


def join_replicas(tree: Tree, widths: IntArray) -> IntArray:
    """Innermost domain of every cell, shape (P, N).

    One sweep over the stages: a replica stays in its domain where the next stage has room there;
    the others look inside the next larger domain, and so on outwards. Each tier then joins
    ``min(w[p], w[p + 1])`` cells in each of its domains, the most there can be.
    """
    stages, replicas = widths.shape[1], int(widths[:, 0].sum())
    ancestors = _ancestors(tree, len(widths))
    home = np.zeros((stages, replicas), np.int32)
    home[0] = np.repeat(np.arange(len(widths)), widths[:, 0])
    for stage in range(1, stages):
        home[stage] = _next_stage(home[stage - 1], widths[:, stage], ancestors)
    return home


def _ancestors(tree: Tree, domains: int) -> list[IntArray]:
    """Enclosing domain of every innermost domain at each level, each of shape (domains,)."""
    above = [np.arange(domains, dtype=np.int32)]
    for level in tree.levels[:-1]:
        above.append(level.parent[above[-1]])
    return above


def _next_stage(before: IntArray, wanted: IntArray, ancestors: list[IntArray]) -> IntArray:
    """Domain of each replica's next cell, given the last ones and the free places."""
    after = np.full(len(before), -1, np.int32)
    waiting = np.arange(len(before))
    places = np.repeat(np.arange(len(wanted), dtype=np.int32), wanted)
    for above in ancestors:
        waiting = waiting[np.argsort(above[before[waiting]], kind="stable")]
        places = places[np.argsort(above[places], kind="stable")]
        asks, offers = above[before[waiting]], above[places]
        served, taken = _matched(asks, offers)
        after[waiting[served]] = places[taken]
        waiting, places = waiting[~served], places[~taken]
        if not len(waiting):
            break
    return after


def _matched(asks: IntArray, offers: IntArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of two sorted lists of domains find a partner in the same domain, in order."""
    size = int(max(asks.max(initial=-1), offers.max(initial=-1))) + 1
    pairs = np.minimum(np.bincount(asks, minlength=size), np.bincount(offers, minlength=size))
    return _place_in_run(asks) < pairs[asks], _place_in_run(offers) < pairs[offers]


def _place_in_run(ordered: IntArray) -> IntArray:
    """Position of each entry among its equals in a sorted array."""
    starts = np.searchsorted(ordered, ordered)
    return (np.arange(len(ordered)) - starts).astype(np.int32)


def seat_ranks(problem: Problem, layout: Layout, home: IntArray) -> IntArray:
    """GPU of every rank, shape (world_size,), from the domain of every cell, shape (P, N)."""
    table = layout.blocks.rank_table()
    slots = _cell_slots(problem, layout, home)
    gpu_of_rank = np.empty(problem.workload.mesh.world_size, np.int32)
    gpu_of_rank[table.reshape(-1)] = slots.reshape(-1)
    return gpu_of_rank


def _cell_slots(problem: Problem, layout: Layout, home: IntArray) -> IntArray:
    """GPUs of every cell in rank order, shape (P, N, B)."""
    blocks = layout.blocks
    seats = _Seats(problem, layout)
    counts = np.bincount(home.reshape(-1), minlength=len(layout.room))
    order = np.argsort(home.reshape(-1), kind="stable")
    starts = np.concatenate(([0], np.cumsum(seats.count)))
    # The first seats of a domain are its best; its cells take as many as they need, in GPU order.
    domains = np.repeat(np.arange(len(counts)), counts * blocks.run)
    place = np.arange(len(domains)) - np.repeat(
        np.cumsum(counts * blocks.run) - counts * blocks.run, counts * blocks.run
    )
    chosen = seats.inner[starts[domains] + place]
    chosen = chosen[np.lexsort((seats.first_gpu[chosen], domains))]
    slots = np.empty((blocks.stages * blocks.replicas, blocks.cell_ranks), np.int32)
    slots[order] = seats.gpus[chosen].reshape(-1, blocks.cell_ranks)
    return slots.reshape(blocks.stages, blocks.replicas, blocks.cell_ranks)


class _Seats:
    """Seats for inner blocks: groups of GPUs in one domain of the layout's inner tier.

    Ordered by cell domain, best seats first: a domain with more room than it needs leaves the GPUs
    of its least complete nodes free. Within a node, GPUs that share an aligned group (and so keep
    their rails) are seated together.
    """

    def __init__(self, problem: Problem, layout: Layout) -> None:
        cluster, blocks = problem.cluster, layout.blocks
        gpus = np.flatnonzero(problem.available)
        domain = cluster.domain_of_gpu[layout.inner_tier][gpus]
        group = cluster.gpu_node[gpus].astype(np.int64) * (1 << 20) + cluster.gpu_local[gpus] // blocks.inner
        whole = np.unique(group, return_inverse=True, return_counts=True)
        broken = whole[2][whole[1]] < blocks.inner
        order = np.lexsort((gpus, broken, domain))
        gpus, domain = gpus[order], domain[order]
        place = _place_in_run(domain)
        kept = place < layout.inner_room[domain] * blocks.inner
        self.gpus = gpus[kept].reshape(-1, blocks.inner).astype(np.int32)
        self.first_gpu = self.gpus[:, 0]
        above = cluster.domain_of_gpu[layout.cell_tier][self.first_gpu]
        fullness = problem.ranks_that_fit[0][cluster.gpu_node[self.first_gpu]]
        self.inner = np.lexsort((self.first_gpu, -fullness, above))
        self.count = np.bincount(above, minlength=len(layout.room))
