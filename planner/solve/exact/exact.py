"""The exact model: every rank to an innermost domain that matters, proven by CP-SAT.

It knows nothing of cells, width vectors or symmetry of replicas, so it is the referee of everything
else on small jobs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.placement.groups import group_index, groups_along
from planner.placement.placement import Objective
from planner.solve.reduction.reduction import SUPPORT_FACTOR
from planner.solve.setup.goal import Goal, minimise
from planner.workload.family import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.setup.control import Control
    from planner.solve.setup.problem import Problem
    from planner.workload.workload import Workload

    IntArray = NDArray[np.int32]

MOST_CHOICES = 2000
MOST_TERMS = 60_000


@dataclass(frozen=True, eq=False)
class Exact:
    """Outcome of an exact search.

    Parameters
    ----------
    gpu_of_rank
        The best placement found, shape (world_size,), or None.
    proven
        Whether it is proven optimal for the objective, or, without one, that there is none.
    bound
        Lower bound on the objective's value; 0 where none was found.
    """

    gpu_of_rank: IntArray | None
    proven: bool
    bound: float


@dataclass(frozen=True, eq=False)
class Moving:
    """How much of a job may move.

    Parameters
    ----------
    before
        GPU of every rank before, shape (world_size,); -1 for one that was nowhere, which moves free.
    costs
        Cost of moving each rank, whole numbers of shape (limits, world_size).
    most
        What all that moves may cost, one entry a limit.
    """

    before: IntArray
    costs: NDArray[np.int64]
    most: tuple[int, ...]


def fits_exact_model(problem: Problem) -> bool:
    """Whether the job is small enough for the exact model to be worth a try."""
    leaf = leaf_tier(problem)
    domains = int((problem.ranks_that_fit[leaf] > 0).sum())
    choices = problem.workload.mesh.world_size * domains
    tiers = len(problem.cluster.tiers) - 1 - leaf
    if choices > MOST_CHOICES:
        return False
    members = 2 * len(_pairs(problem.workload)) + sum(len(group) for group, _ in _touching(problem.workload))
    return members * domains * tiers <= MOST_TERMS


def leaf_tier(problem: Problem) -> int:
    """Innermost tier that the objective or a rule looks at."""
    tiers = [t for t, uplink in enumerate(problem.cluster.tier_uplink_bytes_per_s) if uplink]
    tiers += [problem.cluster.tier_index(name) for name in problem.workload.keep.values()]
    if problem.objective is Objective.CROSS_NODE:
        tiers.append(problem.cluster.boundary)
    return min([*tiers, problem.cluster.boundary])


def solve_exactly(
    problem: Problem,
    control: Control,
    limit_s: float,
    start: IntArray | None = None,
    moving: Moving | None = None,
) -> Exact:
    """Search for a proven optimum, from `start` where one is known, among all or those that move little."""
    model = _Model(problem)
    if moving is None:
        model.break_symmetry()
    else:
        model.move_little(moving)
    if start is not None:
        model.hint(start)
    outcome = minimise(model, control, limit_s)
    if outcome.infeasible and start is None:
        return Exact(None, proven=True, bound=0.0)
    return Exact(model.answer if outcome.found else start, outcome.proven, outcome.bound)


class _Model:
    """Variables and constraint families; each method adds one of them."""

    def __init__(self, problem: Problem) -> None:
        from ortools.sat.python import cp_model

        self.problem = problem
        self.cp = cp_model.CpModel()
        self.leaf = leaf_tier(problem)
        self.room = problem.ranks_that_fit[self.leaf]
        self.domains = np.flatnonzero(self.room > 0).astype(np.int32)
        self.ranks = problem.workload.mesh.world_size
        self.at = [[self.cp.new_bool_var("") for _ in self.domains] for _ in range(self.ranks)]
        self.answer: IntArray | None = None
        self._inside: dict[tuple[int, int, int], Any] = {}
        self._apart: dict[tuple[int, int, int], Any] = {}
        self._touched: dict[tuple[tuple[int, ...], int], list[Any]] = {}
        self._spread: dict[tuple[tuple[int, ...], int], list[Any]] = {}
        self.pairs = _pairs(problem.workload)
        self.touching = _touching(problem.workload)
        self.place_every_rank()
        self.respect_room()
        self.keep_rules()

    def place_every_rank(self) -> None:
        """Ensures that each rank is in one domain."""
        for row in self.at:
            self.cp.add_exactly_one(row)

    def respect_room(self) -> None:
        """Ensures that no domain holds more ranks than it has GPUs for them."""
        for column, domain in enumerate(self.domains):
            self.cp.add(sum(row[column] for row in self.at) <= int(self.room[domain]))

    def keep_rules(self) -> None:
        """Ensures that each group of a ruled axis is inside one domain of its tier."""
        workload, cluster = self.problem.workload, self.problem.cluster
        for axis, name in workload.keep.items():
            tier = cluster.tier_index(name)
            for group in groups_along(workload.mesh, (axis,)).members.tolist():
                for domain in self.outer(tier):
                    for rank in group[1:]:
                        self.cp.add(self.inside(rank, tier, domain) == self.inside(group[0], tier, domain))

    def break_symmetry(self) -> None:
        """Ensures that equal sibling domains are used in the order of their smallest rank."""
        cluster = self.problem.cluster
        tier = cluster.tiers[self.leaf]
        uplink = tier.uplink_bytes_per_s
        seen: dict[tuple[int, int, float], int] = {}
        for column, domain in enumerate(self.domains):
            parent = int(tier.parent[domain]) if len(tier.parent) else 0
            key = (parent, int(self.room[domain]), float(uplink[domain]) if uplink is not None else 0.0)
            if key in seen:
                before = seen[key]
                for rank in range(self.ranks):
                    earlier = [self.at[r][before] for r in range(rank)]
                    self.cp.add(self.at[rank][column] <= sum(earlier))
            seen[key] = column

    def move_little(self, moving: Moving) -> None:
        """Ensures that what moves costs no more than it may; who stays in its domain keeps its GPU."""
        home = self.problem.cluster.domain_of_gpu[self.leaf][moving.before]
        column = {int(domain): index for index, domain in enumerate(self.domains)}
        had = np.flatnonzero(moving.before >= 0)
        alive = had[self.problem.available[moving.before[had]]].tolist()
        for costs, most in zip(moving.costs, moving.most, strict=True):
            kept = sum(int(costs[rank]) * self.at[rank][column[int(home[rank])]] for rank in alive)
            self.cp.add(kept >= int(costs[had].sum()) - most)

    def outer(self, tier: int) -> list[int]:
        """Domains of a tier that can hold a rank."""
        return [int(d) for d in np.flatnonzero(self.problem.ranks_that_fit[tier] > 0)]

    def inside(self, rank: int, tier: int, domain: int) -> Any:
        """Expression: 1 where the rank is inside a domain of `tier`."""
        key = (rank, tier, domain)
        if key not in self._inside:
            above: IntArray = self.domains
            for level in range(self.leaf, tier):
                above = self.problem.cluster.tiers[level].parent[above]
            self._inside[key] = sum(self.at[rank][c] for c in np.flatnonzero(above == domain).tolist())
        return self._inside[key]

    def apart(self, one: int, other: int, tier: int) -> Any:
        """Variable: 1 where two ranks are in different domains of `tier`."""
        key = (min(one, other), max(one, other), tier)
        if key not in self._apart:
            variable = self.cp.new_bool_var("")
            for domain in self.outer(tier):
                self.cp.add(variable >= self.inside(key[0], tier, domain) - self.inside(key[1], tier, domain))
            self._apart[key] = variable
        return self._apart[key]

    def touched(self, group: tuple[int, ...], tier: int) -> list[Any]:
        """Variables: 1 for each domain of `tier` that the group touches."""
        key = (group, tier)
        if key not in self._touched:
            self._touched[key] = [self.cp.new_bool_var("") for _ in self.outer(tier)]
            for variable, domain in zip(self._touched[key], self.outer(tier), strict=True):
                inside = [self.inside(rank, tier, domain) for rank in group]
                for each in inside:
                    self.cp.add(variable >= each)
                self.cp.add(variable <= sum(inside))
        return self._touched[key]

    def traffic(self, tier: int) -> Goal:
        """Crossing bytes of one tier."""
        goal = Goal()
        for pair, payload in self.pairs:
            goal.add(payload, self.apart(*pair, tier))
        for group, payload in self.touching:
            for variable in self.touched(group, tier):
                goal.add(payload, variable)
            goal.constant -= payload
        return goal

    def goals(self) -> list[Goal]:
        """What to minimise, first things first."""
        cluster = self.problem.cluster
        weighted = Goal()
        for tier, uplink in enumerate(cluster.tier_uplink_bytes_per_s):
            if uplink:
                weighted.add_all(self.traffic(tier), 1.0 / uplink)
        if self.problem.objective is Objective.WEIGHTED:
            return [weighted]
        if self.problem.objective is Objective.BOTTLENECK:
            return [self.bottleneck(), weighted]
        return [self.traffic(cluster.boundary), weighted]

    def bottleneck(self) -> Goal:
        """The largest egress over uplink of any domain, in units fine enough for every payload."""
        cluster = self.problem.cluster
        loads = []
        for tier, total in enumerate(cluster.tier_uplink_bytes_per_s):
            uplinks = cluster.tiers[tier].uplink_bytes_per_s
            if total and uplinks is not None:
                loads += [(self.egress(tier, domain), float(uplinks[domain])) for domain in self.outer(tier)]
        peak = max((sum(load.weights) / up for load, up in loads if up), default=0.0) or 1.0
        unit = peak / 2**40
        worst = self.cp.new_int_var(0, 2**41, "")
        for load, uplink in loads:
            weights = [round(w / uplink / unit) if uplink else 2**41 for w in load.weights]
            self.cp.add(worst >= sum(w * x for w, x in zip(weights, load.variables, strict=True)))
        rounded = max((len(load.weights) for load, _ in loads), default=0)
        return Goal([unit], [worst], [2**41], rounded=rounded)

    def egress(self, tier: int, domain: int) -> Goal:
        """Bytes that leave one domain."""
        load = Goal()
        for (one, other), payload in self.pairs:
            out = self.cp.new_bool_var("")
            ends = self.inside(one, tier, domain), self.inside(other, tier, domain)
            self.cp.add(out >= ends[0] - ends[1])
            self.cp.add(out >= ends[1] - ends[0])
            load.add(payload / 2, out)
        place = self.outer(tier).index(domain)
        for group, payload in self.touching:
            touched = self.touched(group, tier)
            for count, spread in enumerate(self.spread(group, tier)):
                if count > 1:
                    here = self.cp.new_bool_var("")
                    self.cp.add(here >= touched[place] + spread - 1)
                    load.add(payload * (count - 1) / count, here)
        return load

    def spread(self, group: tuple[int, ...], tier: int) -> list[Any]:
        """Variables: the k-th is 1 where the group touches exactly k domains of `tier`."""
        key = (group, tier)
        if key not in self._spread:
            touched = self.touched(group, tier)
            chosen = [self.cp.new_bool_var("") for _ in range(len(touched) + 1)]
            self.cp.add_exactly_one(chosen)
            self.cp.add(sum(touched) == sum(k * choice for k, choice in enumerate(chosen)))
            self._spread[key] = chosen
        return self._spread[key]

    def keep(self, solver: Any) -> None:
        """Remember a solution, and suggest it to the next search."""
        self.answer = self.read(solver)
        self.hint(self.answer)

    def hint(self, gpu_of_rank: IntArray) -> None:
        """Suggest a known placement."""
        self.cp.clear_hints()  # type: ignore[no-untyped-call]
        home = self.problem.cluster.domain_of_gpu[self.leaf][gpu_of_rank]
        for rank, row in enumerate(self.at):
            for column, domain in enumerate(self.domains):
                self.cp.add_hint(row[column], int(home[rank] == domain))

    def read(self, solver: Any) -> IntArray:
        """Seat the ranks of each domain on its GPUs, in order."""
        gpu_of_rank = np.empty(self.ranks, np.int32)
        home = self.problem.cluster.domain_of_gpu[self.leaf]
        for column, domain in enumerate(self.domains):
            here = [rank for rank in range(self.ranks) if solver.boolean_value(self.at[rank][column])]
            free = np.flatnonzero(self.problem.available & (home == domain))
            gpu_of_rank[here] = free[: len(here)]
        return gpu_of_rank


def _pairs(workload: Workload) -> list[tuple[tuple[int, int], float]]:
    """Pairs of ranks and the bytes that cross where they are apart, over all families."""
    pairs: list[tuple[tuple[int, int], float]] = []
    for family in workload.families:
        index = group_index(workload.mesh, family)
        for group, stage in zip(index.members.tolist(), index.stage.tolist(), strict=True):
            if family.kind in (Kind.PATH, Kind.RING):
                edges = list(pairwise(group))
                if family.kind is Kind.RING and len(group) > 1:
                    edges.append((group[-1], group[0]))
                along = "pp" in family.axes
                pairs += [(e, family.payload_bytes[i if along else stage]) for i, e in enumerate(edges)]
            elif family.kind is Kind.ALL_TO_ALL:
                payload = family.payload_bytes[0 if "pp" in family.axes else stage]
                pairs += [(edge, 2 * payload) for edge in combinations(group, 2)]
    return pairs


def _touching(workload: Workload) -> list[tuple[tuple[int, ...], float]]:
    """Groups that pay for every domain they touch but one, and what they pay for each."""
    found = []
    for family in workload.families:
        if family.kind not in SUPPORT_FACTOR:
            continue
        index = group_index(workload.mesh, family)
        for group, stage in zip(index.members.tolist(), index.stage.tolist(), strict=True):
            payload = family.payload_bytes[0 if "pp" in family.axes else stage]
            if len(group) > 1:
                found.append((tuple(group), SUPPORT_FACTOR[family.kind] * payload))
    return found
