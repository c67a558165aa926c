"""Splits of one stage among a few domains, and what they cost: compiled.

Domains form a forest whose trees are the outermost ones, numbered in preorder. `Forest` says how they lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.setup.kernel import allocating, compiled, subroutine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.splits.forest import Forest, Tables

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

NEVER = 1e300
SOMETIMES = 1e299


@compiled
def least_rest(paid: FloatArray, kept: FloatArray, ends: FloatArray) -> FloatArray:
    """Least reduced cost of the stages that follow one, of shape (P, N + 1, room + 1).

    Parameters
    ----------
    paid
        Reduced cost of every width of every stage, shape (P, N + 1).
    kept
        What a unit of width saves between a stage and the next, shape (P,).
    ends
        What it costs to end with so much room left, shape (room + 1,).
    """
    (stages, widths), size = paid.shape, len(ends)
    rest = np.empty((stages, widths, size))
    rest[stages - 1] = ends
    here, least = np.empty((widths, size)), np.empty(size)
    for stage in range(stages - 2, -1, -1):
        # Rooms innermost and no other branches, so that several are worked on at once.
        least[:] = NEVER
        for width in range(widths - 1, -1, -1):
            saved, price = kept[stage] * width, paid[stage + 1, width]
            for left in range(min(width, size)):
                rest[stage, width, left] = least[left] - saved
            for left in range(width, size):
                here[width, left] = price + rest[stage + 1, width, left - width]
                least[left] = min(here[width, left], least[left])
                rest[stage, width, left] = least[left] - saved
        least[:] = NEVER
        for width in range(widths):
            saved = kept[stage] * width
            for left in range(width, size):
                price = here[width, left] - saved
                least[left] = min(price, least[left])
            for left in range(size):
                known = rest[stage, width, left]
                rest[stage, width, left] = min(least[left], known)
    return rest


@subroutine
def share_out(forest: Forest, price: FloatArray, within: FloatArray, shares: FloatArray, cells: int) -> None:
    """Fill in the least price at which a domain, and it and those after it, hold every number of cells.

    Parameters
    ----------
    price
        What each domain pays for every width by itself, shape (domains, N + 1).
    within
        Takes what those inside a domain pay for every width of it, shape (domains, N + 1).
    shares
        Takes what a domain, those inside it and its neighbours after it pay, shape (domains, N + 1).
    cells
        N.
    """
    for domain in range(len(forest.kind) - 1, -1, -1):
        inside, after = forest.inside[domain], forest.after[domain]
        for width in range(cells + 1):
            within[domain, width] = price[domain, width] + (shares[inside, width] if inside >= 0 else 0.0)
        for total in range(cells + 1):
            if after < 0:
                shares[domain, total] = within[domain, total]
                continue
            least = NEVER
            for width in range(total + 1):
                least = min(least, within[domain, width] + shares[after, total - width])
            shares[domain, total] = least


@compiled
def least_splits(forest: Forest, worth: FloatArray, cells: int) -> FloatArray:
    """What a split of each stage is worth at least, shape (P,); `worth` is of shape (kinds, P, N + 1)."""
    domains, stages = len(forest.kind), worth.shape[1]
    price = np.empty((domains, cells + 1))
    within, shares = np.empty_like(price), np.empty_like(price)
    least = np.empty(stages)
    for stage in range(stages):
        for domain in range(domains):
            for width in range(cells + 1):
                fits = width <= forest.room[domain]
                price[domain, width] = worth[forest.kind[domain], stage, width] if fits else NEVER
        share_out(forest, price, within, shares, cells)
        least[stage] = shares[0, cells]
    return least


@allocating
def list_splits(
    forest: Forest, within: FloatArray, shares: FloatArray, cells: int, limit: float, listed: IntArray
) -> int:
    """List the widths of all domains for every split of `cells` that costs at most `limit`.

    Domains choose one after the other in preorder; the rest of a split is priced by `share_out`.

    Parameters
    ----------
    listed
        Takes the widths, shape (most, domains).

    Returns
    -------
    How many there are, or -1 where there are more than `listed` can take.
    """
    domains = len(forest.kind)
    width, due, least = np.zeros(domains, np.int32), np.zeros(domains, np.int32), np.zeros(domains + 1)
    count = domain = 0
    due[0], least[0], width[0] = cells, shares[0, cells], -1
    while domain >= 0:
        after, last = forest.after[domain], due[domain]
        # Without a neighbour to come, a domain takes what is left.
        width[domain] = last if after < 0 and width[domain] < last else width[domain] + 1
        here = width[domain]
        if here > last:
            domain -= 1
            continue
        rest = shares[after, last - here] if after >= 0 else 0.0
        least[domain + 1] = least[domain] - shares[domain, last] + within[domain, here] + rest
        if within[domain, here] > SOMETIMES or least[domain + 1] > limit:
            continue
        if domain == domains - 1:
            if count == len(listed):
                return -1
            for place in range(domains):
                listed[count, place] = width[place]
            count += 1
            continue
        domain += 1
        before, width[domain] = forest.before[domain], -1
        due[domain] = width[forest.around[domain]] if before < 0 else due[before] - width[before]
    return count


@subroutine
def sum_up(forest: Forest, leaves: IntArray, sums: IntArray) -> None:
    """Cells of every domain, shape (domains,), into `sums`, from those of the innermost, shape (leaves,)."""
    sums[:] = 0
    for domain in range(len(sums) - 1, -1, -1):
        if forest.leaf[domain] >= 0:
            sums[domain] = leaves[forest.leaf[domain]]
        if forest.around[domain] >= 0:
            sums[forest.around[domain]] += sums[domain]


@subroutine
def price_widths(
    forest: Forest, tables: Tables, stage: int, held: IntArray, filled: IntArray, price: FloatArray
) -> None:
    """What each domain pays for every width of a stage and, at least, for the stages that follow.

    Parameters
    ----------
    held, filled
        Cells of the stage before, and of all before, in each domain, shape (domains,).
    price
        Takes the prices, shape (domains, N + 1).
    """
    for domain in range(len(held)):
        kind, left = forest.kind[domain], forest.room[domain] - filled[domain]
        for width in range(price.shape[1]):
            if width > left:
                price[domain, width] = NEVER
                continue
            paid = tables.holding[kind, stage, width] + tables.rest[kind, stage, width, left - width]
            if stage > 0:
                paid -= tables.kept[kind, stage - 1] * min(held[domain], width)
            price[domain, width] = paid


@subroutine
def paid_at(forest: Forest, tables: Tables, stage: int, held: IntArray, widths: IntArray) -> float:
    """What the domains pay for a split of a stage, given that of the stage before."""
    paid = 0.0
    for domain in range(len(held)):
        kind = forest.kind[domain]
        paid += tables.holding[kind, stage, widths[domain]]
        if stage > 0:
            paid -= tables.kept[kind, stage - 1] * min(held[domain], widths[domain])
    return paid


@compiled
def next_splits(
    forest: Forest,
    tables: Tables,
    stage: int,
    splits: IntArray,
    used: IntArray,
    costs: FloatArray,
    budget: float,
    most: int,
) -> tuple[int, IntArray, IntArray, FloatArray, IntArray]:
    """All splits of a stage that may follow those of the stage before within a budget.

    Parameters
    ----------
    stage
        Which one; at the first there is one split before, of nothing.
    splits, used
        Cells of the stage before, and of all before, in the innermost domains, shape (states, leaves).
    costs
        What all stages before cost, shape (states,).
    budget
        Most that stages so far may cost, with the least reduced cost of those that follow.
    most
        How many are listed before it is given up.

    Returns
    -------
    How many there are, or -1 where it was given up; their splits, cells used, costs, and which state each
    follows.
    """
    domains, leaves, cells = len(forest.kind), splits.shape[1], tables.holding.shape[2] - 1
    listed = np.empty((most, domains), np.int32)
    found, total = np.empty((most, leaves), np.int32), np.empty((most, leaves), np.int32)
    cost, follows = np.empty(most), np.empty(most, np.int32)
    price = np.empty((domains, cells + 1))
    within, shares = np.empty_like(price), np.empty_like(price)
    held, filled = np.zeros(domains, np.int32), np.zeros(domains, np.int32)
    count = 0
    for state in range(len(splits)):
        sum_up(forest, splits[state], held)
        sum_up(forest, used[state], filled)
        price_widths(forest, tables, stage, held, filled, price)
        share_out(forest, price, within, shares, cells)
        limit = budget - costs[state]
        if shares[0, cells] > limit:
            continue
        more = list_splits(forest, within, shares, cells, limit, listed[count:])
        if more < 0:
            return -1, found, total, cost, follows
        for row in range(count, count + more):
            cost[row] = costs[state] + paid_at(forest, tables, stage, held, listed[row])
            follows[row] = state
            for domain in range(domains):
                if forest.leaf[domain] >= 0:
                    leaf = forest.leaf[domain]
                    found[row, leaf] = listed[row, domain]
                    total[row, leaf] = used[state, leaf] + listed[row, domain]
        count += more
    return count, found, total, cost, follows
