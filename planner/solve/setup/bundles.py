"""Bundles: cells larger than a node, cut so that each node holds a part of many cells instead of one of few.

A cell of B ranks that no node has room for is cut anyway. Where every node takes parts of m ranks of as
many cells as it has room for, k = B / m nodes together hold these cells whole: part j of each, which are its
positions j m to (j + 1) m - 1, in node j. All nodes of such a bundle then have the same width vector, and
each pays a k-th of what the reduction says of it for what runs between cells. What runs inside a cell costs
the same wherever the cell is. So bundles take the place of nodes in the tree.

The nodes of a bundle may lie in several racks, evenly; then racks are bundled too, and so on outwards.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import replace
from itertools import combinations, islice
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.setup.cuts import Bundles, Cut
from planner.solve.setup.problem import Layout, rule_tiers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.solve.setup.blocks import Blocks
    from planner.solve.setup.problem import Problem

    IntArray = NDArray[np.int32]


# Spreads of parts of one size that are looked at until the job fits one.
MOST_SPREADS = 8


def first_cuts(problem: Problem, layout: Layout) -> Iterator[Cut]:
    """Cuts into parts of every size, the largest first, each in as few domains of outer tiers as can be.

    Parameters
    ----------
    layout
        Of cells too large for tiers inside its cell tier. Only those tiers count where a byte costs.
    """
    blocks = layout.blocks
    for tier in range(layout.cell_tier):
        sizes = _part_sizes(problem, blocks, tier) if problem.weights[tier] else []
        most = [
            int(np.bincount(each.parent[fitting > 0]).max())
            for each, fitting in zip(
                problem.cluster.tiers[tier:-1], problem.ranks_that_fit[tier:], strict=False
            )
        ]
        for size in reversed(sizes):
            if _usual_ranks(problem, tier) // size > 1:
                spreads = sorted(_spreads(blocks.cell_ranks // size, most), key=sum)
                cuts = (Cut(tier, _from(sizes, size), spread) for spread in spreads[:MOST_SPREADS])
                fitting_cuts = (cut for cut in cuts if bundle(problem, layout, cut) is not None)
                yield from islice(fitting_cuts, 1)


def next_cuts(problem: Problem, layout: Layout, cut: Cut) -> Iterator[Cut]:
    """Cuts that differ from one in a single thing.

    Cells lie in more or fewer domains of one tier further out, or parts are a step smaller or larger. Or
    they are of two sizes, for stages whose replicas do not come out even in parts of one: as many as fill
    whole domains in boxes of some shape are cut into the smaller parts, the others into the larger.
    """
    blocks, tier = layout.blocks, cut.tier
    sizes, size = _part_sizes(problem, blocks, tier), cut.sizes[0]
    whole = replace(cut, sizes=_from(sizes, size), cells=None)
    bounds = (blocks.cell_ranks // size, *whole.spread)
    for place, domains in enumerate(whole.spread[:-1]):
        fit = [
            each
            for each in range(1, bounds[place] + 1)
            if bounds[place] % each == 0 and each % bounds[place + 2] == 0
        ]
        at = fit.index(domains)
        for other in (*fit[at + 1 : at + 2], *fit[:at][-1:]):
            yield replace(cut, spread=(*cut.spread[:place], other, *cut.spread[place + 1 :]))
    at = sizes.index(size)
    for other in (*sizes[at + 1 : at + 2], *sizes[:at][-1:]):
        yield replace(whole, sizes=_from(sizes, other))
    for small, large in combinations(sizes, 2):
        if size in (small, large):
            for cells in _even_cells(blocks, _usual_ranks(problem, tier) // small):
                yield replace(whole, sizes=(small, *_from(sizes, large)), cells=cells)


def _from(sizes: Sequence[int], smallest: int) -> tuple[int, ...]:
    """The sizes that are no smaller than one."""
    return tuple(size for size in sizes if size >= smallest)


def _spreads(parts: int, most: Sequence[int]) -> list[tuple[int, ...]]:
    """All numbers of domains of outer tiers that may hold a cell of so many parts; the last is 1.

    Parameters
    ----------
    most
        Domains of each tier, from that of the parts on, that one of the next tier out has inside.
    """
    if not most:
        return [()] if parts == 1 else []
    return [
        (each, *outer)
        for each in range(-(-parts // most[0]), parts + 1)
        if parts % each == 0
        for outer in _spreads(each, most[1:])
    ]


def _part_sizes(problem: Problem, blocks: Blocks, tier: int) -> list[int]:
    """Ranks that equal parts of a cell may have, smallest first: whole inner blocks, or even parts of one."""
    most = min(blocks.cell_ranks, int(problem.ranks_that_fit[tier].max(initial=0)))
    divisors = [size for size in range(1, most + 1) if blocks.cell_ranks % size == 0]
    return [size for size in divisors if math.gcd(size, blocks.inner) in (size, blocks.inner)]


def _usual_ranks(problem: Problem, tier: int) -> int:
    """Ranks that the median domain of a tier can hold, of those that can hold any."""
    fitting = problem.ranks_that_fit[tier]
    return int(np.median(fitting[fitting > 0]))


def _even_cells(blocks: Blocks, room: int) -> list[int]:
    """Cells of as many replicas as fill whole boxes, where some are left; once for each that boxes give."""
    replicas = {
        blocks.replicas - blocks.replicas % (room // height)
        for height in range(1, min(blocks.stages, room) + 1)
        if room % height == 0
    }
    return [blocks.stages * each for each in sorted(replicas) if 0 < each < blocks.replicas]


def bundle(problem: Problem, layout: Layout, cut: Cut) -> Layout | None:
    """The layout of the same cells in bundles, None where they do not fit or a rule forbids the cut."""
    blocks, home = layout.blocks, cut.tier + 1 + cut.spread.index(1)
    sizes = [size for size in cut.sizes if _keeps_rules(problem, blocks, cut, size)]
    if not sizes or sizes[0] != cut.sizes[0]:
        return None
    groups = [[domain] for domain in range(problem.cluster.tiers[home].domains)]
    parents = []
    for tier in range(home - 1, cut.tier, -1):
        groups, parent = _joined(problem, tier, groups, cut.spread[tier - cut.tier - 1])
        parents.append(parent)
    room, part_ranks, domains, parent = _bundled(problem, blocks.cell_ranks, cut, sizes, groups)
    if room.sum() < layout.cells or sizes[0] not in part_ranks:
        return None
    bundles = Bundles(cut, part_ranks, domains, (parent, *reversed(parents)))
    return Layout(blocks, layout.inner_tier, home, layout.inner_room, room, bundles)


def _keeps_rules(problem: Problem, blocks: Blocks, cut: Cut, size: int) -> bool:
    """Whether parts of one size can be spread like that, and inner blocks and cells keep their rules."""
    parts, limits = blocks.cell_ranks // size, rule_tiers(problem, blocks)
    if limits is None or parts % cut.spread[0]:
        return False
    # A cell lies in so many domains of a tier, with equally many consecutive ranks in each.
    inner_limit, cell_limit = (limit - cut.tier for limit in limits)
    counts = (parts, *cut.spread)
    if inner_limit < 0 or counts[cell_limit] > 1:
        return False
    return blocks.cell_ranks // counts[inner_limit] % blocks.inner == 0


def _inside(problem: Problem, tier: int) -> list[list[int]]:
    """Domains of a tier inside each of the next tier out, those with the most room first."""
    parent, fitting = problem.cluster.tiers[tier].parent, problem.ranks_that_fit[tier]
    inside: list[list[int]] = [[] for _ in range(problem.cluster.tiers[tier + 1].domains)]
    for domain in np.argsort(-fitting, kind="stable").tolist():
        if fitting[domain]:
            inside[int(parent[domain])].append(domain)
    return inside


def _joined(
    problem: Problem, tier: int, groups: Sequence[Sequence[int]], count: int
) -> tuple[list[list[int]], IntArray]:
    """Groups of so many domains of a tier, equally many of them inside each domain of a group further out.

    Returns them with the number of the outer group around each, shape (groups,).
    """
    inside, joined, parent = _inside(problem, tier), [], []
    for number, group in enumerate(groups):
        each = count // len(group)
        for first in range(0, min(len(inside[outer]) for outer in group) - each + 1, each):
            joined.append([domain for outer in group for domain in inside[outer][first : first + each]])
            parent.append(number)
    return joined, np.asarray(parent, np.int32)


def _bundled(
    problem: Problem, cell_ranks: int, cut: Cut, sizes: Sequence[int], groups: Sequence[Sequence[int]]
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Room, ranks of a part, domains and group of each bundle; groups are of the next tier out."""
    fitting, inside = problem.ranks_that_fit[cut.tier], _inside(problem, cut.tier)
    left = [min(len(inside[outer]) for outer in group) for group in groups]
    taken = [0] * len(groups)
    rows: list[tuple[int, int, int, int]] = []
    members: dict[tuple[int, int], list[int]] = {}
    for size in sizes:
        each, filled = cell_ranks // size // cut.spread[0], 0
        most = cut.cells if cut.cells is not None and size == sizes[0] else math.inf
        # The groups with the most domains left first.
        waiting = [(-count, number) for number, count in enumerate(left)]
        heapq.heapify(waiting)
        while waiting and filled < most:
            _, number = heapq.heappop(waiting)
            first = taken[number]
            chosen = [domain for outer in groups[number] for domain in inside[outer][first : first + each]]
            room = int(fitting[chosen].min()) // size if each <= left[number] else 0
            if room:
                rows.append((number, first, room, size))
                members[number, first] = chosen
                taken[number], left[number], filled = first + each, left[number] - each, filled + room
                heapq.heappush(waiting, (-left[number], number))
    rows.sort()
    domains = np.full((len(rows), cell_ranks // sizes[0]), -1, np.int32)
    for row, (number, first, _, _) in zip(domains, rows, strict=True):
        chosen = members[number, first]
        row[: len(chosen)] = chosen
    table = np.asarray(rows, np.int32).reshape(-1, 4)
    return table[:, 2], table[:, 3], domains, table[:, 0]
