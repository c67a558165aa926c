"""The exact search through nested tiers: for every domain the vectors worth holding, from the inside out.

What a domain's width vector costs on all tiers inside it is the least over the ways to share it out to
the domains within. So one tier after the other is turned into a list of vectors with the cost of
everything below, by adding up vectors of the tier before; what stands at the end is a covering problem
over the outermost domains alone, with neither symmetry nor a variable for a domain inside.

A list would be far too long, were it not for the bounds: of a placement at most as costly as a target,
each vector is above its part of the bound by no more than the target is above the whole. Targets rise
from the bound: a target that no placement reaches raises the bound, the first that one reaches is the
optimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import comb, gcd, inf, lcm
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.solve.columns.columns import relax
from planner.solve.columns.listed import Listed, relax_listed
from planner.solve.columns.master import CapacityClass
from planner.solve.reduction.tree import Tree, summed
from planner.solve.reduction.vectors import TooManyError, Vectors, Words, all_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from planner.solve.columns.columns import Relaxation
    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.control import Control
    from planner.solve.setup.problem import Layout, Problem

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]
    WordArray = NDArray[np.uint64]

MOST_VECTORS = 400_000
MOST_CHOICES = 20_000
LARGEST_DENOMINATOR = 10_000
LARGEST_COST = 2**45
RELATIVE = 1e-12
ROUNDED = 1e-6
FIRST_TARGETS = 4
# Of the time that is left: for all outer levels, and for a target that is not the next one.
OUTER_SHARE, TARGET_SHARE = 0.3, 0.3
# Outer levels are looked at once more for no less than so many times as long.
OUTER_LONGER = 3.0


# For how long all levels from one on outwards were looked at, endless where all is proven, and what they cost
# at least: those, all but the first of them, and so on.
Outside = dict[int, tuple[float, list[int]]]


class EndedError(Exception):
    """The time for a look was over before it came to anything."""


@dataclass(frozen=True)
class Found:
    """What a search ended with.

    Parameters
    ----------
    widths
        Width vectors of the innermost domains, shape (domains, P), better than the start; or None.
    bound
        Lower bound on the weighted seconds that width vectors can reach.
    proven
        Whether `widths`, or the start where that is None, reaches the bound.
    """

    widths: IntArray | None
    bound: float
    proven: bool


@dataclass(frozen=True)
class Kind:
    """Domains of one class: how many, their room, and the classes of the domains inside, in order."""

    kind: int
    count: int
    room: int
    inside: tuple[int, ...]


class Nest:
    """The tiers of a job whose placements are its width vectors.

    Costs are counted in whole numbers: in units that divide the bytes of every tier times its weight.
    The tiers within the level `innermost` are left out. `outside` has what earlier searches have found of
    outer levels, by the first of them, and takes what this one does.
    """

    def __init__(
        self,
        problem: Problem,
        layout: Layout,
        costs: StageCosts,
        innermost: int = 0,
        outside: Outside | None = None,
    ) -> None:
        self.job, self.costs, self.innermost = (problem, layout), costs, innermost
        self.outside: Outside = {} if outside is None else outside
        self.tree = Tree.of(problem, layout)
        levels = [level for level in self.tree.levels if len(level.room) > 1]
        self.levels = levels[innermost:]
        self.words = Words(costs.stages, costs.replicas)
        uplinks = problem.cluster.tier_uplink_bytes_per_s
        weights = [1.0 / up if (up := uplinks[level.tier]) else 0.0 for level in levels]
        whole, seconds_per_byte = whole_weights(weights)
        self.weights = whole[innermost:]
        self.unit_s = seconds_per_byte * costs.granule_bytes

    @property
    def fits(self) -> bool:
        """Whether the search applies: whole costs, vectors in words, and few enough of them inside."""
        if not any(self.weights) or not self.costs.granule_bytes or not self.words.fit:
            return False
        largest = sum(self.weights) * abs(self.costs.constant) / self.costs.granule_bytes
        most = comb(self.costs.stages + max(k.room for k in self.kinds[0]), self.costs.stages)
        return most <= MOST_VECTORS and largest < LARGEST_COST

    @cached_property
    def kinds(self) -> list[list[Kind]]:
        """The classes of every level."""
        return [self._kinds_of(index) for index in range(len(self.levels))]

    def _kinds_of(self, index: int) -> list[Kind]:
        level = self.levels[index]
        found = []
        for kind, first, count in zip(
            *np.unique(level.kind, return_index=True, return_counts=True), strict=True
        ):
            inside = self.inside(index, int(first))
            room = min(int(level.room[first]), self.costs.stages * self.costs.replicas)
            order = tuple(self.levels[index - 1].kind[inside].tolist()) if index else ()
            found.append(Kind(int(kind), int(count), room, order))
        return found

    def inside(self, index: int, domain: int) -> IntArray:
        """Domains inside one, by class."""
        if not index:
            return np.zeros(0, np.int32)
        inner = self.levels[index - 1]
        inside = np.flatnonzero(inner.parent == domain).astype(np.int32)
        return inside[np.argsort(inner.kind[inside], kind="stable")]

    def cost_of(self, widths: IntArray) -> int:
        """Cost of width vectors of the innermost domains, shape (domains, P)."""
        total = 0
        for index, level in enumerate(self.levels):
            total += int(self.own(index, widths).sum()) + self.constant(index)
            if index + 1 < len(self.levels):
                widths = summed(widths, level.parent, len(self.levels[index + 1].room))
        return total

    def own(self, index: int, widths: IntArray) -> FloatArray:
        """What each width vector costs at one level alone, shape (vectors,)."""
        return self.weights[index] * np.rint(self.costs.domain_bytes(widths) / self.costs.granule_bytes)

    def constant(self, index: int) -> int:
        """Cost added once to those of a level's domains."""
        return self.weights[index] * round(self.costs.constant / self.costs.granule_bytes)

    @cached_property
    def relaxation(self) -> Relaxation:
        """The linear relaxation of the first level alone."""
        classes = [CapacityClass(kind.room, kind.count) for kind in self.kinds[0]]
        coverage = np.full(self.costs.stages, self.costs.replicas, np.int32)
        return relax(self.costs, classes, coverage, rounding=True)

    @cached_property
    def leaves(self) -> tuple[list[Vectors], float]:
        """For each class of the first level every vector that fits it, and a bound on their cost.

        What the vectors cost is not in them yet; their excess is that above the bound.
        """
        scale = self.weights[0] / self.costs.granule_bytes
        bound, found = scale * self.relaxation.covered + self.constant(0), []
        for kind in self.kinds[0]:
            widths = all_vectors(self.costs.stages, self.costs.replicas, kind.room)
            excess = self.costs.domain_bytes(widths)
            for stage, worth in enumerate(self.relaxation.worth):
                excess -= worth[widths[:, stage]]
            least = float(excess.min())
            bound += scale * kind.count * least
            words = self.words.of(widths)
            found.append(Vectors.cheapest(words, np.zeros(len(words)), scale * (excess - least)))
        return found, bound

    def floors(self, tier_bounds: FloatArray) -> list[int]:
        """Least cost of every level alone, from bounds on the tiers' crossing bytes."""
        granule = self.costs.granule_bytes
        return [
            weight * int(np.ceil(tier_bounds[level.tier] / granule - ROUNDED))
            for weight, level in zip(self.weights, self.levels, strict=True)
        ]

    def solve(
        self,
        start: IntArray,
        tier_bounds: FloatArray,
        control: Control,
        limit_s: float,
        bound_s: float = 0.0,
    ) -> Found:
        """Look for better width vectors than `start`, until the best are proven or `limit_s` is spent.

        Parameters
        ----------
        start
            Width vectors of the innermost domains, shape (domains, P).
        tier_bounds
            Lower bounds on the crossing bytes of the cluster's tiers, shape (tiers,).
        bound_s
            Lower bound on the weighted seconds, where one is known: targets rise from there.
        """
        floors, ends_s = self.floors(tier_bounds), control.clock_s + limit_s
        known = int(np.ceil(bound_s / self.unit_s * (1 - ROUNDED**2) - ROUNDED)) if self.unit_s else 0
        answer, bounds = self.search(start, floors, control, ends_s, known)
        best = self.cost_of(start if answer is None else answer)
        return Found(answer, bounds[0] * self.unit_s, bounds[0] == best)

    def search(
        self, start: IntArray, floors: Sequence[int], control: Control, ends_s: float, known: int = 0
    ) -> tuple[IntArray | None, list[int]]:
        """Better width vectors than `start`, and for each level the least cost from it on outwards.

        The cost of the outer levels is bounded first: the tighter it is, the shorter the lists are.
        """

        def over() -> bool:
            return control.over or control.clock_s >= ends_s

        outer = self._bounds_outside(start, floors, control, ends_s)
        best, answer = self.cost_of(start), None
        bound = min(best, max(known, floors[0] + outer[0]))
        step = max(1, -(-(best - bound) // FIRST_TARGETS))
        while bound < best and not over():
            try:
                look = _Look(self, min(best, bound + step) - 1, [bound, *outer], over)
                share = TARGET_SHARE if step > 1 else 1.0
                found, low = look.search(control, share * (ends_s - control.clock_s))
            except TooManyError:
                if step == 1:
                    break
                step = max(1, step // FIRST_TARGETS)
                continue
            except EndedError:
                break
            if found is None and low <= bound:
                if step == 1:
                    break
                step = max(1, step // FIRST_TARGETS)
                continue
            if found is not None:
                answer, best = found, self.cost_of(found)
            bound = max(bound, min(best, low))
            step *= 2
        return answer, [bound, *outer]

    def _bounds_outside(
        self, start: IntArray, floors: Sequence[int], control: Control, ends_s: float
    ) -> list[int]:
        """For each level but the first the least cost from it on outwards, and 0 at the end."""
        known = [sum(floors[index:]) for index in range(1, len(floors) + 1)]
        if len(self.levels) == 1:
            return known
        limit_s = OUTER_SHARE * max(0.0, ends_s - control.clock_s)
        looked_s, bounds = self.outside.get(self.innermost + 1, (0.0, known))
        if limit_s < OUTER_LONGER * looked_s:
            return list(map(max, known, bounds))
        nest = Nest(*self.job, self.costs, self.innermost + 1, self.outside)
        if not nest.fits:
            return known
        widths = summed(start, self.levels[0].parent, len(self.levels[1].room))
        answer, bounds = nest.search(widths, floors[1:], control, control.clock_s + limit_s)
        proven = bounds[0] == nest.cost_of(widths if answer is None else answer)
        self.outside[nest.innermost] = inf if proven else limit_s, bounds
        return bounds


class _Look:
    """The look for width vectors that cost at most `target`: lists of vectors, from the inside out."""

    def __init__(self, nest: Nest, target: int, bounds: Sequence[int], over: Callable[[], bool]) -> None:
        self.nest, self.target, self.bounds, self.over = nest, target, bounds, over
        self.lists: list[dict[int, Vectors]] = []
        self.sums: list[dict[int, list[Vectors]]] = []
        self.bound = 0.0

    def search(self, control: Control, limit_s: float) -> tuple[IntArray | None, int]:
        """Width vectors that cost at most the target, and a lower bound on what any cost.

        Raises
        ------
        TooManyError
            The lists are too long.
        EndedError
            The time was over before they were made.
        """
        for index in range(len(self.nest.levels)):
            if not self._list(index):
                return None, self.target + 1
        if self.over():
            raise EndedError
        model = CoverModel(self.nest, self.lists[-1], self.target)
        # Covering models are all columns and few rows: presolve and other workers only cost time.
        search = control.search(model.cp, limit_s, plain=True)
        if search.infeasible:
            return None, self.target + 1
        if not search.found:
            return None, 0
        low = int(np.ceil(search.solver.best_objective_bound - ROUNDED))
        return self._innermost(model.chosen(search.solver)), low

    def _slack(self, bound: float) -> float:
        """What the target leaves above a bound, and more than rounding can have taken away."""
        return self.target - bound + ROUNDED + RELATIVE * (abs(bound) + abs(self.target))

    def _list(self, index: int) -> bool:
        """List the vectors of a level that can be part of what is looked for; whether any class has one."""
        nest = self.nest
        sums = self._sums(index)
        listed = []
        for kind in nest.kinds[index]:
            total = sums[kind.kind][-1]
            widths = nest.words.widths(total.words)
            listed.append(Listed(kind.count, widths, total.cost + nest.own(index, widths)))
        self.sums.append(sums)
        if not all(len(each.cost) for each in listed):
            return False
        relaxed = relax_listed(listed, nest.costs.replicas, self.over)
        if self.over():
            raise EndedError
        self.bound = relaxed.bound + sum(nest.constant(level) for level in range(index + 1))
        budget = self._slack(self.bound + self.bounds[index + 1])
        self.lists.append(
            {
                kind.kind: Vectors(sums[kind.kind][-1].words, each.cost, excess).within(budget)
                for kind, each, excess in zip(nest.kinds[index], listed, relaxed.excess, strict=True)
            }
        )
        return all(len(vectors.words) for vectors in self.lists[-1].values())

    def _sums(self, index: int) -> dict[int, list[Vectors]]:
        """For each class the sums over the domains inside: of none of them, of the first, and so on."""
        nest = self.nest
        if not index:
            leaves, bound = nest.leaves
            budget = self._slack(bound + self.bounds[1])
            return {
                kind.kind: [each.within(budget)] for kind, each in zip(nest.kinds[0], leaves, strict=True)
            }
        budget = self._slack(self.bound + self.bounds[index])
        found = {}
        for kind in nest.kinds[index]:
            sums = [Vectors.nothing()]
            for inside in kind.inside:
                if self.over():
                    raise EndedError
                sums.append(sums[-1].plus(self.lists[index - 1][inside], nest.words, budget))
            found[kind.kind] = sums
        return found

    def _innermost(self, chosen: dict[int, list[int]]) -> IntArray:
        """Width vectors of the innermost domains, from the vectors chosen for every outermost class."""
        nest = self.nest
        index = len(nest.levels) - 1
        level = nest.levels[index]
        place = np.zeros(len(level.room), np.int64)
        for kind, rows in chosen.items():
            place[level.kind == kind] = rows
        for outer in range(index, 0, -1):
            place = self._shared_out(outer, place)
        words = np.zeros(len(place), np.uint64)
        for kind, vectors in self.lists[0].items():
            mine = nest.levels[0].kind == kind
            words[mine] = vectors.words[place[mine]]
        return nest.words.widths(words)

    def _shared_out(self, index: int, place: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which vector of its list each domain inside holds, given that of each domain of a level."""
        nest = self.nest
        below = np.zeros(len(nest.levels[index - 1].room), np.int64)
        for domain, chosen in enumerate(place.tolist()):
            kind = int(nest.levels[index].kind[domain])
            word, sums = self.lists[index][kind].words[chosen], self.sums[index][kind]
            at = int(np.searchsorted(sums[-1].words, word))
            inside = nest.inside(index, domain)
            for count in range(len(inside), 0, -1):
                child = int(inside[count - 1])
                vectors = self.lists[index - 1][int(nest.levels[index - 1].kind[child])]
                total = sums[count]
                at, below[child] = sums[count - 1].part_of(
                    total.words[at], float(total.cost[at]), vectors, nest.words
                )
        return below


class CoverModel:
    """Which vector each outermost domain holds; each method adds a constraint family."""

    def __init__(self, nest: Nest, lists: dict[int, Vectors], target: int) -> None:
        from ortools.sat.python import cp_model

        self.nest, self.lists = nest, lists
        if sum(len(vectors.words) for vectors in lists.values()) > MOST_CHOICES:
            raise TooManyError
        self.cp = cp_model.CpModel()
        self.used = {
            kind.kind: [self.cp.new_int_var(0, kind.count, "") for _ in lists[kind.kind].words]
            for kind in nest.kinds[-1]
        }
        self.fill()
        self.cover()
        self.minimise(target)

    def fill(self) -> None:
        """Ensures that each domain holds one vector."""
        for kind in self.nest.kinds[-1]:
            self.cp.add(sum(self.used[kind.kind]) == kind.count)

    def cover(self) -> None:
        """Ensures that the vectors hold all cells of every stage."""
        rows: list[list[Any]] = [[] for _ in range(self.nest.costs.stages)]
        for kind, vectors in self.lists.items():
            widths = self.nest.words.widths(vectors.words)
            for which, stage in zip(*np.nonzero(widths), strict=True):
                rows[stage].append(int(widths[which, stage]) * self.used[kind][which])
        for row in rows:
            self.cp.add(sum(row) == self.nest.costs.replicas)

    def minimise(self, target: int) -> None:
        """Minimise the cost of all tiers, and ensure that it is at most the target."""
        goal: Any = sum(self.nest.constant(index) for index in range(len(self.nest.levels)))
        for kind, vectors in self.lists.items():
            goal += sum(int(c) * x for c, x in zip(vectors.cost, self.used[kind], strict=True))
        self.cp.add(goal <= target)
        self.cp.minimize(goal)

    def chosen(self, solver: Any) -> dict[int, list[int]]:
        """Positions of the vectors of every class in its list, one a domain."""
        return {
            kind: [i for i, x in enumerate(row) for _ in range(int(solver.value(x)))]
            for kind, row in self.used.items()
        }


def whole_weights(weights: Sequence[float]) -> tuple[list[int], float]:
    """Whole numbers in the proportion of the weights, and what 1 stands for.

    Empty where all are 0, or where their proportions are not those of small numbers.
    """
    unit = min((w for w in weights if w), default=0.0)
    if not unit:
        return [], 0.0
    parts = [Fraction(w / unit).limit_denominator(LARGEST_DENOMINATOR) for w in weights]
    if any(abs(float(part) * unit - w) > RELATIVE * w for part, w in zip(parts, weights, strict=True)):
        return [], 0.0
    common = lcm(*(part.denominator for part in parts))
    whole = [int(part * common) for part in parts]
    divisor = gcd(*whole)
    return [each // divisor for each in whole], unit / common * divisor
