"""Bounds where cells may be cut: beside its whole cells a domain may hold parts of others.

Each part is charged at least `StageCosts.part_bytes` and credited at most what its ranks can gain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.bound.rounding import ROUNDING
from planner.solve.columns.columns import LARGE_TABLE, large, relax
from planner.solve.columns.master import CapacityClass
from planner.solve.columns.pricing import closed_room, price
from planner.solve.reduction.levels import Levels
from planner.solve.reduction.parts import PartialCells, many_parts, parts_never_pay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.control import Control

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]

# Stages whose parts pay less than so much of the median are light.
LIGHT = 0.5
# Most of a further cell that domains with room for one may have room for, where light stages lie beside it.
MOST_BESIDE = 0.5
# Levels of the duals that are tried at once, and how often between those beside the best.
DUAL_SHIFTS, DUAL_ROUNDS = 9, 2
# Numbers of whole cells and parts that domains are looked at with.
MOST_LOOKS = 5_000
# Halvings of what a cell may be charged for its place.
HALVINGS = 12


@dataclass(frozen=True)
class RankRoom:
    """Domains that have room for equally many ranks.

    Parameters
    ----------
    ranks
        That fit each of them.
    count
        How many there are.
    """

    ranks: int
    count: int


def bound_with_parts(costs: StageCosts, rooms: Sequence[RankRoom], control: Control | None) -> float:
    """Lower bound on one tier's sum of f where no rule keeps cells whole.

    Parameters
    ----------
    costs
        The terms of f.
    rooms
        All domains of the tier.
    control
        Where given, a bound that is valid but not the best is returned once its time is over.
    """
    cells, size = costs.stages * costs.replicas, costs.cell_ranks
    coverage = np.full(costs.stages, costs.replicas, np.int32)
    all_whole = sum(room.ranks // size * room.count for room in rooms) >= cells
    # Where whole cells do not all fit, the duals of slightly larger domains serve as well.
    capacities = (room.ranks // size if all_whole else -(-room.ranks // size) for room in rooms)
    classes = [CapacityClass(min(c, cells), room.count) for c, room in zip(capacities, rooms, strict=True)]
    relaxation = relax(costs, classes, coverage, control=control, steady=True)
    widest = max(k.capacity for k in classes)
    is_large = large(costs, classes, coverage)
    if is_large and parts_never_pay(costs.part_bytes.min(axis=0), _steepest(costs, relaxation.duals, widest)):
        return relaxation.bound
    enough = relaxation.bound - ROUNDING * abs(relaxation.bound) if all_whole else np.inf
    best = -np.inf
    for charges in _all_charges(costs, max(room.ranks for room in rooms), is_large=is_large):

        def bound_at(shift: float, charges: Charges = charges) -> float:
            if control is not None and control.over:
                return -np.inf
            duals, total = relaxation.duals - shift, 0.0
            priced = charges.priced(duals, costs)
            if is_large:
                least_of = _least_in_large(costs, priced, charges.part_bytes)
            else:
                least_of = _least_in(costs, priced, charges, [room.ranks for room in rooms])
            for room in rooms:
                if control is not None and control.over:
                    return -np.inf
                total += room.count * least_of(room.ranks)
            return costs.replicas * charges.worth(duals) + total

        # A full cluster leaves the level of the duals open; a lower one makes parts less worth while. Where
        # whole cells do not all fit, some are cut, and each is worth what its parts pay.
        highest, lowest = max(0.0, float(relaxation.duals.max())), 0.0
        if not all_whole:
            lowest = -max(_least_cut(charges.part_bytes, room.ranks) for room in rooms if room.ranks)
        best = max(best, _most(bound_at, lowest, highest, max(best, enough)))
    return best


@dataclass(frozen=True, eq=False)
class Charges:
    """What parts of cells pay at least, so that one number for each size of a part is enough.

    Parameters
    ----------
    part_bytes
        What a part of m ranks pays at least at any stage that is not light, shape (B + 1,).
    added
        What the parts of one cell of each stage pay besides, shape (P,).
    light
        Stages whose parts are taken to pay nothing, and whose cells no domain gains by, shape (P,).
    light_worth
        What a cell of each light stage is worth then, shape (P,).
    beside
        Most that a rank of them, or one beside it, gains all the same in a domain with parts of cells.
    """

    part_bytes: FloatArray
    added: FloatArray
    light: BoolArray
    light_worth: FloatArray
    beside: float = 0.0

    def priced(self, duals: FloatArray, costs: StageCosts) -> FloatArray:
        """The duals to price vectors with: so low for light stages that none has any of their cells."""
        most = np.abs(duals).sum() + costs.v.sum() + costs.v_wrap + costs.rungs.sum() + 1
        return np.where(self.light, -most, duals)

    def worth(self, duals: FloatArray) -> float:
        """What one cell of every stage is worth together."""
        return float(np.where(self.light, self.light_worth, duals + self.added).sum())


def _all_charges(costs: StageCosts, largest: int, *, is_large: bool) -> Iterator[Charges]:
    """Ways to charge parts of cells in domains that have room for at most so many ranks.

    Let a part of m ranks of stage p pay c[p](m), let c be a base, and e[p] the least over m of
    ``B (c[p](m) - c(m)) / m``: then it pays c(m) and the parts of one cell e[p] besides. That is of use only
    where no domain has room for a whole cell, so that all are cut.

    Parts of stages without experts, for instance, pay next to nothing. With ranks of w cells of such a
    stage at one position a domain pays ``h[p](w)`` and keeps at most all edges of the stage at home, half
    of those that two light stages share: if a cell is worth the least of that over w, nothing is gained by
    any of its ranks. Where a domain has room for one whole cell and a share of another, edges to other
    stages are charged to these instead: beside one of their cells only that share can be kept.
    """
    size = costs.cell_ranks
    held = np.arange(1, min(largest, size - 1) + 1)
    parts, none = costs.part_bytes[:, held], np.zeros(costs.stages)
    light = parts[:, -1] < LIGHT * np.median(parts[:, -1])
    pays = (costs.holding(most := min(largest, costs.replicas))[:, 1:] / np.arange(1, most + 1)).min(axis=1)
    edges = _edges(costs)
    for left_out in (none > 0, light) if light.any() else (none > 0,):
        kinds, stages = np.unique(costs.part_bytes[~left_out], axis=0, return_counts=True)
        least = kinds.min(axis=0)
        shared = edges[:, left_out].sum(axis=1)
        worth = pays - edges.sum(axis=1) + shared / 2
        if largest >= size:
            yield Charges(least, none, left_out, worth)
            if left_out.any() and not is_large and (share := largest / size - 1) <= MOST_BESIDE:
                lost = np.where(left_out, 0.0, share * shared)
                across = edges[left_out][:, ~left_out]
                beside = float(max(across.sum(axis=1).max(), across.sum(axis=0).max())) / size
                yield Charges(least, -lost, left_out, pays - shared / 2, beside)
            continue
        for base in (least, kinds[stages.argmax()]) if len(kinds) > 1 else kinds:
            yield Charges(base, size * ((parts - base[held]) / held).min(axis=1), left_out, worth)


def _edges(costs: StageCosts) -> FloatArray:
    """Bytes that stay home when cells of two stages of a replica share a domain, shape (P, P)."""
    edges = np.zeros((costs.stages, costs.stages))
    stage = np.arange(costs.stages)
    np.add.at(edges, (stage[:-1], stage[1:]), costs.v)
    edges[-1, 0] += costs.v_wrap
    half = stage[: len(costs.rungs)]
    np.add.at(edges, (half, costs.stages - 1 - half), costs.rungs)
    return edges + edges.T


def _least_cut(part_bytes: FloatArray, largest: int) -> float:
    """Least that the parts of a cell pay together, none of them of more than `largest` ranks."""
    size = len(part_bytes) - 1
    ranks = np.arange(1, min(largest, size - 1) + 1)
    return float((part_bytes[ranks] / ranks).min() * size)


def _most(bound_at: Callable[[float], float], low: float, high: float, enough: float) -> float:
    """The most that a concave function is seen to be between two points, or the first that is enough."""
    best = -np.inf
    for _ in range(DUAL_ROUNDS):
        points, values = np.linspace(low, high, DUAL_SHIFTS), np.full(DUAL_SHIFTS, -np.inf)
        for index, point in enumerate(points):
            values[index] = bound_at(float(point))
            if values[index] >= enough:
                return float(values[index])
            if index and values[index] < values[index - 1]:
                break
        at = int(values.argmax())
        best = max(best, float(values[at]))
        low, high = float(points[max(at - 1, 0)]), float(points[min(at + 1, DUAL_SHIFTS - 1)])
    return best


def _least_in(
    costs: StageCosts, duals: FloatArray, charges: Charges, room: Sequence[int]
) -> Callable[[int], float]:
    """The least reduced cost of a domain with whole cells and parts of others, given its ranks, at most 0."""
    cells, largest = costs.stages * costs.replicas, max(room)
    whole = {ranks: min(ranks // costs.cell_ranks, cells) for ranks in room}
    steepest = _steepest(costs, duals, min(largest, costs.replicas))
    if not charges.beside and parts_never_pay(charges.part_bytes, steepest):
        within = _within(costs, duals, max(whole.values()))
        return lambda ranks: min(0.0, float(within[whole[ranks]]))
    # With parts a domain could hold some ranks of every cell that it has a rank for.
    most = max(*whole.values(), min(largest, cells, _most_priced(costs)))
    parts = min(MOST_LOOKS // sum(each + 1 for each in whole.values()), largest)
    if most < min(largest, cells):
        parts = min(parts, most - max(whole.values()))
    within, levels = _within(costs, duals, most), Levels.of(costs, costs.replicas)

    def envelope(mean: float, cells: int) -> float:
        return _envelope_at(levels, duals, mean, cells, steepest)

    each = within, charges.part_bytes, steepest, largest, parts, cells, envelope, charges.beside
    return PartialCells(*each).least


def _least_in_large(costs: StageCosts, duals: FloatArray, part_bytes: FloatArray) -> Callable[[int], float]:
    """The same for large domains, whose widths are real numbers."""
    levels, cells = Levels.of(costs, costs.replicas), costs.stages * costs.replicas
    steepest = _steepest(costs, duals, costs.replicas)

    def least(ranks: int) -> float:
        cut = (
            pays + _envelope_at(levels, duals, ranks / costs.cell_ranks, most, steepest)
            for pays, most in many_parts(part_bytes[1:-1], ranks, cells, 1)
        )
        return min([levels.cheapest(duals, min(ranks // costs.cell_ranks, cells))[0], *cut])

    return least


def _envelope_at(levels: Levels, duals: FloatArray, mean: float, most: int, steepest: float) -> float:
    """The lower convex envelope of the least reduced cost of up to `most` cells, at a mean of them.

    That is the most, over all charges for a cell's place, that the cheapest vector so charged costs, less the
    charges of the mean; any charge gives a bound. Charges that are too low use more cells than the mean.
    """
    best, low, high = -np.inf, 0.0, max(0.0, steepest)
    for _ in range(HALVINGS):
        charge = (low + high) / 2
        cost, widths = levels.cheapest(duals - charge, most)
        best = max(best, cost - charge * mean)
        low, high = (charge, high) if widths.sum() > mean else (low, charge)
    return best


def _most_priced(costs: StageCosts) -> int:
    """Cells that the exact pricing programme is small enough for."""
    narrow = math.isqrt(LARGE_TABLE // costs.stages)
    return narrow if narrow <= costs.replicas else LARGE_TABLE // (costs.stages * costs.replicas)


def _within(costs: StageCosts, duals: FloatArray, most: int) -> FloatArray:
    """Least reduced cost with at most A cells, shape (most + 1,)."""
    table = costs.holding(min(most, costs.replicas))
    priced = price(costs, duals, most, table)
    within = priced.best[priced.used]
    if (costs.rungs.any() or costs.v_wrap) and (closed := closed_room(costs)) < most:
        # What is relaxed for all of them need not be for few.
        few = price(costs, duals, closed, table[:, : closed + 1])
        within[: closed + 1] = np.maximum(within[: closed + 1], few.best[few.used])
    return within


def _steepest(costs: StageCosts, duals: FloatArray, widest: int) -> float:
    """Most that one more cell can lower a domain's reduced cost."""
    falls = -np.diff(costs.holding(widest + 1), axis=1).min(axis=1)
    return float((duals + np.maximum(falls, 0.0) + _edges(costs).sum(axis=1)).max())
