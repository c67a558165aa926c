"""The integer model of one tier: which segments to use, and how to pack them into the domains.

Its size depends on how many segments are worth using, not on how many domains there are: domains of
equal room are alike, and a domain's segments are a path through the cells it holds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.columns.columns import relax
from planner.solve.columns.one_each import nearest_alone, one_each, worth_one_each
from planner.solve.columns.pricing import price
from planner.solve.columns.residual import Piece, pieces_bytes
from planner.solve.columns.segments import Excess, nearest_segments
from planner.solve.columns.shares import fits_shares, share_out_stages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.columns.master import CapacityClass
    from planner.solve.columns.segments import Segments, Steps
    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.control import Control, Search

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

MOST_ROOM = 80
MOST_SEGMENTS = 6000
# How many segments each search may use, and its share of the time that is left then.
SEARCHES = ((400, 0.2), (1200, 0.3), (MOST_SEGMENTS, 0.5), (MOST_SEGMENTS, 1.0))
FIRST_SLACK, WIDER, FARTHEST, RISE_SHARE = 1e-3, 2.0, 0.7, 0.3
SHARPEN_LIMIT, RISE_LIMIT = 1.5, 0.3
MOST_RISING = 1_500
# Widths of all stages, times the cells that they share out: beyond, shares say little and take long.
MOST_SHARED = 40_000
SCALE_LIMIT = 2**56
ROUNDED = 1e-9
SMALLER = 1e-6


@dataclass(frozen=True, eq=False)
class Cover:
    """Pieces that cover a tier or a part of it, and a valid lower bound on the sum of f of any that do."""

    pieces: list[Piece]
    bound: float


def packable(costs: StageCosts, classes: Sequence[CapacityClass]) -> bool:
    """Whether the model applies: segments are independent, and domains small enough."""
    return not costs.rungs.any() and max(k.capacity for k in classes) <= MOST_ROOM


def met(costs: StageCosts, value: float, bound: float) -> bool:
    """Whether no sum of f is below `value`, given that none is below `bound`.

    Unlike crossing bytes, sums of f over a part of a tier may be negative.
    """
    margin = ROUNDED * abs(value)
    return value - bound <= max(margin, costs.granule_bytes * (1 - SMALLER) - margin)


def pack(
    costs: StageCosts,
    classes: Sequence[CapacityClass],
    coverage: IntArray,
    known: list[Piece],
    control: Control,
    limit_s: float,
) -> Cover:
    """Look for pieces better than the known ones, until they are proven best or `limit_s` is spent."""
    packing = Packing(costs, classes, coverage, known, control)
    packing.search(limit_s)
    return packing.cover


class Packing:
    """The pieces so far, and searches for better ones."""

    def __init__(
        self,
        costs: StageCosts,
        classes: Sequence[CapacityClass],
        coverage: IntArray,
        known: list[Piece],
        control: Control,
    ) -> None:
        self.costs, self.classes, self.coverage, self.control = costs, classes, coverage, control
        self.relaxation = relax(costs, classes, coverage, control=control, rounding=True)
        self.bound, self.worth = self.relaxation.bound, self.relaxation.worth
        room = max(k.capacity for k in classes)
        table = costs.holding(self.worth.shape[1] - 1) - self.worth
        paid = price(costs, np.zeros(costs.stages), room, table).best
        self.excess = Excess.of(paid, classes, self.relaxation.covered)
        self.sharpened = False
        self.keep(known)

    @property
    def cover(self) -> Cover:
        """The best pieces, and the bound."""
        return Cover(self.pieces, min(self.bound, self.value))

    def search(self, limit_s: float) -> None:
        """Search among ever more segments, until the best pieces are proven or `limit_s` is spent."""
        started = self.control.clock_s
        for most, share in SEARCHES:
            left = limit_s - (self.control.clock_s - started)
            if self.met or left <= 0 or self.control.over:
                return
            self.search_nearest(most, left * share)
            if not self.sharpened:
                self.sharpen(SHARPEN_LIMIT * left)
                self.rise(RISE_LIMIT * left)

    def search_one_each(self, limit_s: float) -> None:
        """Search for one segment for each domain, where they are large and many."""
        if self.met or self.control.over or not worth_one_each(self.classes):
            return
        gap = self.value - self.excess.bound + ROUNDED * abs(self.value)
        nearest, _ = nearest_segments(self.costs, self.worth, self.excess, gap, MOST_SEGMENTS)
        alone = nearest_alone(nearest, self.worth, self.excess)
        found = one_each(self.costs, self.classes, self.coverage, alone, self.control, limit_s)
        if found:
            self.offer(found)

    def sharpen(self, limit_s: float) -> None:
        """Let stages be shared out in whole numbers: a better bound, and a better guide to segments."""
        self.sharpened = True
        worth_it = self.worth.size * int(self.coverage.max()) <= MOST_SHARED
        if self.met or self.control.over or not (worth_it and fits_shares(self.classes, self.coverage)):
            return
        found = share_out_stages(self.costs, self.classes, self.coverage, self.control, limit_s, self.worth)
        if found is not None and found.bound > self.excess.bound:
            self.worth, self.excess = found.worth, found.excess
            self.bound = max(self.bound, found.bound)

    def rise(self, limit_s: float) -> None:
        """Look for pieces close to the bound, then farther and farther from it.

        Close to it few segments, and few steps, are worth using. Where those that are leave no choice, the
        bound rises to where they end.
        """
        started = self.control.clock_s
        slack = max(self.costs.granule_bytes, FIRST_SLACK * abs(self.excess.bound))
        while not self.met and slack < FARTHEST * (self.value - self.excess.bound):
            left = limit_s - (self.control.clock_s - started)
            if left <= 0 or self.control.over or self._found_within(slack, RISE_SHARE * left):
                return
            slack *= WIDER

    def _found_within(self, slack: float, limit_s: float) -> bool:
        """Look for pieces at most so far from the bound, and take them; whether there are any."""
        budget = slack + ROUNDED * abs(self.value)
        nearest, complete = nearest_segments(self.costs, self.worth, self.excess, budget, MOST_SEGMENTS)
        few = nearest.first(MOST_RISING, self.costs, np.zeros((0, self.costs.stages), np.int32))
        model = PackingModel(self.costs, self.classes, self.coverage, few, self.excess.steps(budget))
        model.limit(self.excess.bound + slack)
        search = self.control.search(model.cp, limit_s)
        if search.found:
            self.offer(model.pieces(search))
        elif search.infeasible and complete and len(nearest.widths) <= MOST_RISING:
            self.bound = max(self.bound, self.excess.bound + slack)
        return search.found

    def keep(self, pieces: list[Piece]) -> None:
        """Take pieces as the best so far."""
        self.pieces, self.value = pieces, pieces_bytes(self.costs, pieces)

    def offer(self, pieces: list[Piece]) -> None:
        """Take pieces as the best so far where they are better."""
        if pieces_bytes(self.costs, pieces) < self.value:
            self.keep(pieces)

    @property
    def met(self) -> bool:
        """Whether no pieces can be better."""
        return met(self.costs, self.value, self.bound)

    def search_nearest(self, most: int, limit_s: float) -> None:
        """Search among at most `most` segments, those nearest to the relaxation.

        Pieces that are better are so by a granule at least; where every segment that they could use is
        in the model, it bounds them.
        """
        gap = self.value - self.excess.bound + ROUNDED * abs(self.value)
        wanted = gap - self.costs.granule_bytes * (1 - SMALLER)
        nearest, complete = nearest_segments(self.costs, self.worth, self.excess, wanted, most)
        segments = nearest.first(most, self.costs, self._in_use())
        model = PackingModel(self.costs, self.classes, self.coverage, segments, self.excess.steps(gap))
        search = model.search(self.pieces, self.control, limit_s)
        if complete:
            self.bound = max(self.bound, min(self.value, model.bound(search)))
        if search.found and pieces_bytes(self.costs, found := model.pieces(search)) < self.value:
            self.keep(found)

    def _in_use(self) -> IntArray:
        """The segments of the best pieces, shape (segments, P)."""
        ring = self.costs.v_wrap > 0
        return np.stack([row for piece in self.pieces for row in split(piece.widths, ring=ring)])


class PackingModel:
    """Variables and constraint families; each method adds one of them."""

    def __init__(
        self,
        costs: StageCosts,
        classes: Sequence[CapacityClass],
        coverage: IntArray,
        segments: Segments,
        steps: Steps,
    ) -> None:
        from ortools.sat.python import cp_model

        self.costs, self.classes = costs, classes
        self.segments, self.steps = segments, steps
        self.room = max(k.capacity for k in classes)
        self.domains = sum(k.count for k in classes)
        self.cp = cp_model.CpModel()
        most = np.where(segments.widths > 0, coverage // np.maximum(segments.widths, 1), self.domains)
        self.most = most.min(axis=1)
        self.used = [self.cp.new_int_var(0, int(n), "") for n in self.most]
        self.taken = [self.cp.new_int_var(0, self.domains, "") for _ in steps.held]
        self.filled = [self.cp.new_int_var(0, self.domains if n else 0, "") for n in range(self.room + 1)]
        self.cover(coverage)
        self.fill()
        self.fit()
        self.unit = self.minimise()

    def cover(self, coverage: IntArray) -> None:
        """Ensures that all cells of every stage are in some segment, once."""
        for stage, cells in enumerate(coverage):
            inside = np.flatnonzero(self.segments.widths[:, stage])
            self.cp.add(sum(int(self.segments.widths[i, stage]) * self.used[i] for i in inside) == int(cells))

    def fill(self) -> None:
        """Ensures that every segment is a step in filling some domain, and that steps join up."""
        held, cells = self.steps.held, self.steps.cells
        for size in range(1, self.room + 1):
            segments = [self.used[i] for i in np.flatnonzero(self.segments.cells == size)]
            self.cp.add(sum(segments) == sum(self.taken[i] for i in np.flatnonzero(cells == size)))
            into = [self.taken[i] for i in np.flatnonzero(held + cells == size)]
            onwards = [self.taken[i] for i in np.flatnonzero(held == size)]
            self.cp.add(sum(into) == sum(onwards) + self.filled[size])

    def fit(self) -> None:
        """Ensures that no more domains hold more than a room than have more than that room."""
        rooms = np.unique([0, *(k.capacity for k in self.classes)])
        for room in rooms[:-1]:
            larger = sum(k.count for k in self.classes if k.capacity > room)
            self.cp.add(sum(self.filled[int(room) + 1 :]) <= larger)

    def limit(self, most: float) -> None:
        """Ensures that f adds up to no more than this."""
        self.cp.add(self.total <= int(np.floor(most / self.unit + self.rounded + SMALLER)))

    def minimise(self) -> float:
        """Minimise the sum of f; returns the bytes that one unit of the model's objective stands for.

        Sets `rounded` to the most that rounding to such units can move the objective.
        """
        unit = float(self.costs.granule_bytes or 1)
        units = self.segments.bytes_each / unit
        peak = float(np.abs(units) @ self.most)
        exact = peak < SCALE_LIMIT and bool((units == np.rint(units)).all())
        scale = 1.0 if exact or not peak else peak / SCALE_LIMIT
        weights = np.rint(units / scale).astype(np.int64)
        self.rounded = 0.0 if exact else 0.5 * sum(k.count * k.capacity for k in self.classes)
        self.total = sum(int(w) * x for w, x in zip(weights, self.used, strict=True))
        self.cp.minimize(self.total)
        return unit * scale

    def hint(self, known: Sequence[Piece]) -> None:
        """Suggest a known choice of pieces, where all of its segments are in the model."""
        position = {row.tobytes(): i for i, row in enumerate(self.segments.widths)}
        used: Counter[int] = Counter()
        taken: Counter[tuple[int, int]] = Counter()
        filled: Counter[int] = Counter()
        for piece in known:
            held = 0
            for row in split(piece.widths, ring=self.costs.v_wrap > 0):
                cells = int(row.sum())
                taken[held, cells] += piece.count
                held += cells
                if row.tobytes() in position:
                    used[position[row.tobytes()]] += piece.count
            filled[held] += piece.count
        for i, variable in enumerate(self.used):
            self.cp.add_hint(variable, used[i])
        steps = zip(self.steps.held.tolist(), self.steps.cells.tolist(), strict=True)
        for step, variable in zip(steps, self.taken, strict=True):
            self.cp.add_hint(variable, taken[step])
        for size, variable in enumerate(self.filled):
            self.cp.add_hint(variable, filled[size] if size else 0)

    def search(self, known: Sequence[Piece], control: Control, limit_s: float) -> Search:
        """Run CP-SAT from the known choice."""
        self.hint(known)
        return control.search(self.cp, limit_s)

    def bound(self, search: Search) -> float:
        """Lower bound on the sum of f of any choice of the model's segments.

        CP-SAT states a bound of 0 where it ends before it has a solution, whatever the objective.
        """
        if not search.found:
            return -np.inf
        return float((search.solver.best_objective_bound - self.rounded) * self.unit)

    def pieces(self, search: Search) -> list[Piece]:
        """Read the chosen segments, packed into domains: fullest into the largest."""
        value = search.solver.value
        rows: dict[int, list[IntArray]] = {size: [] for size in range(1, self.room + 1)}
        for row, cells, variable in zip(self.segments.widths, self.segments.cells, self.used, strict=True):
            rows[int(cells)] += [row] * int(value(variable))
        onwards: dict[int, list[int]] = {size: [] for size in range(self.room + 1)}
        for held, cells, variable in zip(self.steps.held, self.steps.cells, self.taken, strict=True):
            onwards[int(held)] += [int(cells)] * int(value(variable))
        return self._into_domains(_walk(onwards, rows, self.costs.stages))

    def _into_domains(self, vectors: list[IntArray]) -> list[Piece]:
        """Give the fullest vectors the largest domains."""
        order = sorted(range(len(self.classes)), key=lambda kind: -self.classes[kind].capacity)
        kinds = [kind for kind in order for _ in range(self.classes[kind].count)]
        vectors = sorted(vectors, key=lambda vector: -int(vector.sum()))
        counted = Counter((kind, row.tobytes()) for kind, row in zip(kinds, vectors, strict=False))
        return [Piece(kind, np.frombuffer(row, np.int32), n) for (kind, row), n in counted.items()]


def _walk(onwards: dict[int, list[int]], rows: dict[int, list[IntArray]], stages: int) -> list[IntArray]:
    """Follow the steps from empty domains on; the width vector of every domain in use."""
    vectors = []
    starting = len(onwards[0])
    for _ in range(starting):
        held, vector = 0, np.zeros(stages, np.int32)
        cells = onwards[0].pop()
        while True:
            vector = vector + rows[cells].pop()
            held += cells
            # Where some paths end here and others go on, the longest way on is as good as any.
            if not onwards.get(held):
                break
            cells = onwards[held].pop()
        vectors.append(vector)
    return vectors


def split(widths: IntArray, *, ring: bool) -> list[IntArray]:
    """The segments of a width vector, largest first."""
    stages = len(widths)
    if not widths.any():
        return []
    if widths.all():
        return [widths]
    turn = int(np.argmin(widths)) if ring else 0
    turned = np.roll(widths, -turn) if ring else widths
    edges = np.flatnonzero(np.diff(np.concatenate(([0], turned > 0, [0])).astype(int)))
    parts = []
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        row = np.zeros(stages, np.int32)
        row[begin:end] = turned[begin:end]
        parts.append(np.roll(row, turn) if ring else row)
    return sorted(parts, key=lambda row: -int(row.sum()))
