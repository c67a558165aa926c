"""One model of a whole small fleet: how many ranks of each job each node holds, and what that must cost.

With the counts given, samples cost what they cost, weights at least what the senders that lie in a domain do
not hold, and each job at least the bound of its J on GPUs of exactly these counts. That bound is only worked
out for counts that a solution has; it then holds for all counts that are the same but for the order of
domains side by side. So the model's least value is a bound on F at every time, and rises.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from planner.fleet.divide import top_of
from planner.fleet.flow_bounds import heaviest_rank, lightest_cell
from planner.fleet.partition import PartitionModel, region_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ortools.sat.python import cp_model

    from planner.fleet.flows import Flow
    from planner.fleet.ground import Ground
    from planner.solve.setup.control import Control

    Counts = tuple[int, ...]
    Shape = tuple[object, ...]

# The most ways to count out one job for which the model is made, and the most ranks.
MOST_WAYS, MOST_RANKS = 20_000, 512
# Costs are whole numbers of the best known value over this, rounded so that the bound holds.
SCALE = 2**40
SEARCH_S = 10.0


def shape_of(ground: Ground, counts: Sequence[int]) -> Shape:
    """The counts of nodes, nested as the tiers are, without regard to the order of domains side by side."""
    held: list[Shape] = [(count,) if count else () for count in counts]
    for tier in ground.cluster.tiers[:-1]:
        inside: list[list[Shape]] = [[] for _ in range(int(tier.parent.max()) + 1)]
        for each, parent in zip(held, tier.parent.tolist(), strict=True):
            if each:
                inside[parent].append(each)
        held = [tuple(sorted(each, key=repr)) for each in inside]
    return held[0]


def is_countable(ground: Ground, ranks: Mapping[int, int]) -> bool:
    """Whether a fleet is small, and nodes are all that counts: their GPUs are then alike but for pins."""
    if top_of(ground) or len(ground.cluster.tiers) < 2 or sum(ranks.values()) > MOST_RANKS:
        return False
    return all(_number_of_ways(ground, job, size) <= MOST_WAYS for job, size in ranks.items())


def _number_of_ways(ground: Ground, job: int, size: int) -> int:
    """Ways to count out a job over the nodes, in the units that rules ask for."""
    cut = ground.cuts[job][-1]
    unit = cut.unit(0)
    ways = [1] + [0] * (size // unit)
    for room in (cut.room[0] // unit).tolist():
        ways = [sum(ways[max(0, total - room) : total + 1]) for total in range(len(ways))]
    return ways[-1]


def ways(ground: Ground, job: int, size: int) -> Iterator[Counts]:
    """All counts of the ranks of a job over the nodes, in the units that rules ask for."""
    cut = ground.cuts[job][-1]
    unit = cut.unit(0)
    rooms = (cut.room[0] // unit).tolist()
    after = np.cumsum([0, *rooms[::-1]])[::-1].tolist()

    def fill(node: int, left: int) -> Iterator[Counts]:
        if node == len(rooms):
            yield ()
            return
        for count in range(max(0, left - after[node + 1]), min(left, rooms[node]) + 1):
            for rest in fill(node + 1, left - count):
                yield (count * unit, *rest)

    if size % unit == 0:
        yield from fill(0, size // unit)


@dataclass
class JointModel:
    """The model; `least` finds the cheapest counts, `raise_to` tells what counts of a shape really cost.

    Parameters
    ----------
    ground, ranks, control
        The fleet at its sizes, and limits.
    bounds
        Least J of each new job wherever it lies.
    known_s
        The value of some placement, which sets the scale.
    """

    ground: Ground
    ranks: Mapping[int, int]
    control: Control
    bounds: Mapping[int, float]
    known_s: float
    bound_s: float = 0.0
    told: dict[tuple[int, Shape], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ground, last = self.ground, self.ground.outermost
        cuts = {job: ground.cuts[job][-1] for job in self.ranks}
        self.model = PartitionModel(
            ground, region_of(ground, last, 0, 0), cuts, self.ranks, ground.fleet.tier_rules, strict=False
        )
        self.scale = SCALE / self.known_s
        self.most = 4 * SCALE
        self.cp = self.model.cp
        self.cost = {
            job: self.cp.new_int_var(min(self.most, self._down(job, bound)), self.most, "")
            for job, bound in self.bounds.items()
        }
        self.terms: list[cp_model.LinearExprT] = list(self.cost.values())
        for flow in ground.fleet.flows:
            if flow.source in self.ranks and flow.target in self.ranks:
                self._add_flow(flow)
        self.cp.minimize(sum(self.terms))
        self.orbits = {job: self._orbits(job, size) for job, size in self.ranks.items()}
        self.is_count: dict[tuple[int, int, int], cp_model.IntVar] = {}

    def _down(self, job: int, seconds: float) -> int:
        return math.floor(seconds * self.ground.fleet.jobs[job].priority * self.scale * (1 - 1e-13))

    def _orbits(self, job: int, size: int) -> dict[Shape, list[Counts]]:
        found: dict[Shape, list[Counts]] = {}
        for counts in ways(self.ground, job, size):
            found.setdefault(shape_of(self.ground, counts), []).append(counts)
        return found

    def _add_flow(self, flow: Flow) -> None:
        """Charge what a flow must cost at every tier with the counts as they are."""
        priority = self.ground.fleet.jobs[flow.source].priority
        for tier in range(self.ground.cluster.boundary, self.ground.outermost):
            uplink = self.ground.cluster.tier_uplink_bytes_per_s[tier]
            if uplink:
                byte = priority / uplink / flow.every * self.scale * (1 - 1e-13)
                (self._weights if flow.kind == "weights" else self._samples)(flow, tier, byte)

    def _weights(self, flow: Flow, tier: int, byte: float) -> None:
        """What the receiver's lightest cell needs and the senders in the domain cannot hold comes in."""
        needed = lightest_cell(self.ground, flow, tier)
        held = heaviest_rank(self.ground, flow)
        need, hold = math.floor(needed * byte), math.ceil(held * byte)
        for domain in self.model.region.domains[tier]:
            touched = self.model.present.get((tier, domain, flow.target))
            if touched is None:
                continue
            sends = self.model.gpus.get((tier, domain, flow.source), 0)
            comes_in = self.cp.new_int_var(0, need, "")
            self.cp.add(need * touched - comes_in <= hold * sends)
            self.terms.append(comes_in)

    def _samples(self, flow: Flow, tier: int, byte: float) -> None:
        """What both ends of a domain have in common stays at home."""
        senders, receivers = self.ranks[flow.source], self.ranks[flow.target]
        whole, home = math.floor(flow.total_bytes * byte), []
        each = math.ceil(flow.total_bytes * byte / (senders * receivers))
        for domain in self.model.region.domains[tier]:
            kept = self.cp.new_int_var(0, senders * receivers, "")
            self.cp.add(kept <= self.model.gpus.get((tier, domain, flow.source), 0) * receivers)
            self.cp.add(kept <= self.model.gpus.get((tier, domain, flow.target), 0) * senders)
            home.append(kept)
        crosses = self.cp.new_int_var(0, whole, "")
        self.cp.add(crosses >= whole - each * sum(home))
        self.terms.append(crosses)

    def least(self) -> dict[int, Counts] | None:
        """The cheapest counts of each job that are known to cost no more; None where the search ended."""
        search = self.control.search(self.cp, SEARCH_S)
        if not search.found:
            return None
        self.bound_s = max(self.bound_s, search.solver.best_objective_bound / self.scale)
        if not search.proven:
            return None
        nodes = self.ground.cluster.nodes
        given = self.model.given(search)
        return {job: tuple(given[job].get(node, 0) for node in range(nodes)) for job in self.ranks}

    def known(self, job: int, counts: Counts) -> float:
        """Least J of a job at these counts, as far as it is known."""
        return self.told.get((job, shape_of(self.ground, counts)), self.bounds[job])

    def raise_to(self, job: int, counts: Counts, seconds: float) -> bool:
        """No counts of this shape make J of the job less than so many seconds; whether that is news."""
        shape = shape_of(self.ground, counts)
        if seconds <= self.told.get((job, shape), self.bounds[job]):
            return False
        self.told[job, shape] = seconds
        least = min(self.most, self._down(job, seconds)) if math.isfinite(seconds) else self.most + 1
        for each in self.orbits[job][shape]:
            self.cp.add(self.cost[job] >= least).only_enforce_if(self._equal(job, each))
        return True

    def rule_out(self, counts: Mapping[int, Counts]) -> None:
        """Look at other counts from now on; what `least` finds is no bound any more."""
        literals = [each for job, held in counts.items() for each in self._equal(job, held)]
        self.cp.add_bool_or([each.negated() for each in literals])

    def _equal(self, job: int, counts: Counts) -> list[cp_model.IntVar]:
        """Literals that together say that the job has these counts."""
        unit = self.ground.cuts[job][-1].unit(0)
        return [
            self._literal(node, job, held // unit)
            for node, held in enumerate(counts)
            if (node, job) in self.model.counts
        ]

    def _literal(self, node: int, job: int, count: int) -> cp_model.IntVar:
        key = node, job, count
        if key not in self.is_count:
            literal = self.is_count[key] = self.cp.new_bool_var("")
            self.cp.add(self.model.counts[node, job] == count).only_enforce_if(literal)
            self.cp.add(self.model.counts[node, job] != count).only_enforce_if(literal.negated())
        return self.is_count[key]
