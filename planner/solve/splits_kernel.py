"""Splits of one stage among a few domains, and what they cost: compiled.

Domains form a forest whose trees are the outermost ones, numbered in preorder. `Forest` says how they lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.solve.anneal_kernel import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

NEVER = 1e300
SOMETIMES = 1e299


class Forest(NamedTuple):
    """Domains in preorder, each array of shape (domains,); -1 where there is none.

    Parameters
    ----------
    kind
        Which tables hold for it.
    room
        Most cells that it holds.
    around, before, after, inside
        The domain around it, its neighbours in there, and the first domain inside it.
    leaf
        Its number among the innermost domains.
    """

    kind: IntArray
    room: IntArray
    around: IntArray
    before: IntArray
    after: IntArray
    inside: IntArray
    leaf: IntArray


class Tables(NamedTuple):
    """What widths cost.

    Parameters
    ----------
    holding
        Cost of every width of every stage by kind, shape (kinds, P, N + 1).
    kept
        What a unit of width saves between a stage and the next, shape (kinds, P).
    rest
        Least reduced cost of the stages that follow, by width of this stage and the cells that still fit,
        shape (kinds, P, N + 1, room + 1).
    """

    holding: FloatArray
    kept: FloatArray
    rest: FloatArray


@compiled
def least_rest(paid: FloatArray, kept: FloatArray, room: int) -> FloatArray:
    """Least reduced cost of the stages that follow one, of shape (P, N + 1, room + 1).

    Parameters
    ----------
    paid
        Reduced cost of every width of every stage, shape (P, N + 1).
    kept
        What a unit of width saves between a stage and the next, shape (P,).
    room
        Most cells.
    """
    stages, widths = paid.shape
    rest = np.zeros((stages, widths, room + 1))
    here, wider = np.empty(widths), np.empty(widths + 1)
    for stage in range(stages - 2, -1, -1):
        for left in range(room + 1):
            wider[widths] = NEVER
            for width in range(widths - 1, -1, -1):
                fits = width <= left
                here[width] = (
                    paid[stage + 1, width] + rest[stage + 1, width, left - width] if fits else NEVER
                )
                wider[width] = min(wider[width + 1], here[width])
            narrower = NEVER
            for width in range(widths):
                if width <= left:
                    narrower = min(narrower, here[width] - kept[stage] * width)
                least = narrower
                if wider[width] < SOMETIMES:
                    least = min(least, wider[width] - kept[stage] * width)
                rest[stage, width, left] = least
    return rest


@compiled
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


@compiled
def next_splits(
    forest: Forest,
    tables: Tables,
    stage: int,
    splits: IntArray,
    used: IntArray,
    costs: FloatArray,
    cells: int,
    budget: float,
    most: int,
) -> tuple[int, IntArray, IntArray, FloatArray, IntArray]:
    """All splits of a stage that may follow those of the stage before within a budget.

    Parameters
    ----------
    stage
        Which one; at the first there is one split before, of nothing.
    splits, used
        Cells of the stage before, and of all before, in the innermost domains, shape (labels, leaves).
    costs
        What all stages before cost, shape (labels,).
    cells
        N.
    budget
        Most that stages so far may cost, with the least reduced cost of those that follow.
    most
        How many are listed before it is given up.

    Returns
    -------
    How many there are, or -1 where it was given up; their splits, cells used, costs, and which label each
    follows.
    """
    labels, leaves = splits.shape
    domains = len(forest.kind)
    found, total = np.empty((most, leaves), np.int32), np.empty((most, leaves), np.int32)
    cost, follows = np.empty(most), np.empty(most, np.int32)
    price = np.empty((domains, cells + 1))
    within, shares = np.empty_like(price), np.empty_like(price)
    held, filled = np.zeros(domains, np.int32), np.zeros(domains, np.int32)
    width, due, bound = np.zeros(domains, np.int32), np.zeros(domains, np.int32), np.zeros(domains)
    count = 0
    for label in range(labels):
        for domain in range(domains - 1, -1, -1):
            leaf = forest.leaf[domain]
            if leaf >= 0:
                held[domain], filled[domain] = splits[label, leaf], used[label, leaf]
            else:
                held[domain] = filled[domain] = 0
                inside = forest.inside[domain]
                while inside >= 0:
                    held[domain] += held[inside]
                    filled[domain] += filled[inside]
                    inside = forest.after[inside]
            kind, left = forest.kind[domain], forest.room[domain] - filled[domain]
            for each in range(cells + 1):
                if each > left:
                    price[domain, each] = NEVER
                    continue
                paid = tables.holding[kind, stage, each] + tables.rest[kind, stage, each, left - each]
                if stage > 0:
                    paid -= tables.kept[kind, stage - 1] * min(held[domain], each)
                price[domain, each] = paid
        share_out(forest, price, within, shares, cells)
        limit = budget - costs[label]
        if shares[0, cells] > limit:
            continue
        domain, due[0], bound[0], width[0] = 0, cells, shares[0, cells], -1
        while domain >= 0:
            width[domain] += 1
            here = width[domain]
            if here > due[domain]:
                domain -= 1
                continue
            after = forest.after[domain]
            if after < 0 and here < due[domain]:
                width[domain] = due[domain] - 1
                continue
            if within[domain, here] > SOMETIMES:
                continue
            least = bound[domain] - shares[domain, due[domain]] + within[domain, here]
            if after >= 0:
                least += shares[after, due[domain] - here]
            if least > limit:
                continue
            follower = domain + 1
            if follower < domains:
                before = forest.before[follower]
                if before < 0:
                    due[follower] = width[forest.around[follower]]
                else:
                    due[follower] = due[before] - width[before]
                bound[follower], width[follower], domain = least, -1, follower
                continue
            if count == most:
                return -1, found, total, cost, follows
            spent = costs[label]
            for each in range(domains):
                kind = forest.kind[each]
                spent += tables.holding[kind, stage, width[each]]
                if stage > 0:
                    spent -= tables.kept[kind, stage - 1] * min(held[each], width[each])
                leaf = forest.leaf[each]
                if leaf >= 0:
                    found[count, leaf] = width[each]
                    total[count, leaf] = used[label, leaf] + width[each]
            cost[count], follows[count] = spent, label
            count += 1
    return count, found, total, cost, follows
