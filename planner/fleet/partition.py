"""Which part of the cluster each job gets: an exact model over the domains of every tier.

Its variables are how many GPUs each domain gives to each job, in whole cells; what it minimises is an
estimate of the fleet's objective (`planner.fleet.prices`), since what a job costs in its part is only
known once it is placed there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from ortools.sat.python import cp_model

    from planner.fleet.cut import Cut
    from planner.fleet.ground import Ground
    from planner.fleet.rules import TierRule
    from planner.solve.setup.control import Control, Search

    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int64]


# Jobs pinned to different hardware that are looked at together, and of how many such parts that is done.
MOST_PINS, MOST_PARTS = 3, 8


@dataclass(frozen=True, eq=False)
class Region:
    """The domains that one model looks at: those inside one, down to some tier.

    Parameters
    ----------
    tier, root
        The domain whose GPUs are shared out, by its tier and index.
    inner
        The innermost tier looked at.
    domains
        By tier from `inner` to `tier` the domains there are.
    """

    tier: int
    root: int
    inner: int
    domains: Mapping[int, Sequence[int]]

    @property
    def tiers(self) -> range:
        """The tiers looked at, innermost first, that of the root the last."""
        return range(self.inner, self.tier + 1)


def region_of(ground: Ground, tier: int, root: int, inner: int) -> Region:
    """The domains of each tier from `inner` on in one domain."""
    inside = {
        level: np.flatnonzero(ground.around(level, tier) == root).tolist() for level in range(inner, tier + 1)
    }
    return Region(tier, root, inner, inside)


class PartitionModel:
    """The model of one fleet at given sizes, in the whole cluster or one domain of it.

    Parameters
    ----------
    ground
        The fleet on its cluster.
    region
        The domains looked at.
    cuts
        How each new job is cut.
    ranks
        Ranks of each job to place here; jobs left out have none here.
    rules
        The rules on tiers to keep.
    strict
        Whether what the model finds can surely be dealt out, whatever fragments nodes are in. Without,
        everything that can be dealt out is found, so that its infeasibility is a proof.
    short
        A job that need not be placed whole.
    """

    def __init__(
        self,
        ground: Ground,
        region: Region,
        cuts: Mapping[int, Cut],
        ranks: Mapping[int, int],
        rules: Sequence[TierRule],
        *,
        strict: bool,
        short: int | None = None,
    ) -> None:
        from ortools.sat.python import cp_model

        self.cp = cp_model.CpModel()
        self.ground = ground
        self.cuts = cuts
        self.ranks = ranks
        self.jobs = sorted(ranks)
        self.region = region
        self.tiers = region.tiers
        self.gpus: dict[tuple[int, int, int], cp_model.LinearExprT] = {}
        self.present: dict[tuple[int, int, int], cp_model.IntVar] = {}
        self.counts: dict[tuple[int, int], cp_model.IntVar] = {}
        for job in self.jobs:
            self._deal(job)
            whole = self.gpus.get((region.tier, region.root, job), 0)
            self.cp.add(whole <= ranks[job] if job == short else whole == ranks[job])
        self._share_room()
        if strict:
            self._keep_fragments_apart()
        self._order_equal_domains()
        for rule in rules:
            self._keep_apart(rule) if rule.kind == "apart" else self._keep_together(rule)

    def _deal(self, job: int) -> None:
        """Ensures that the GPUs of a job add up the tiers, in whole cells, where there is room."""
        cut, inner = self.cuts[job], self.tiers[0]
        usable, unit = cut.room[inner], cut.unit(inner)
        for domain in self.region.domains[inner]:
            if usable[domain] >= unit:
                count = self.cp.new_int_var(0, int(usable[domain]) // unit, "")
                self.counts[domain, job] = count
                self._place(inner, domain, job, unit * count, count)
        for tier in self.tiers[1:]:
            self._add_up(tier, job, cut)

    def _add_up(self, tier: int, job: int, cut: Cut) -> None:
        """Ensures that each domain gives what those inside it give, in the multiples of its tier."""
        parent = self.ground.cluster.tiers[tier - 1].parent
        inside: dict[int, list[int]] = {}
        for level, domain, who in list(self.gpus):
            if level == tier - 1 and who == job:
                inside.setdefault(int(parent[domain]), []).append(domain)
        for domain, children in inside.items():
            total = sum(self.gpus[tier - 1, child, job] for child in children)
            count: cp_model.LinearExprT = total
            if cut.unit(tier) > cut.unit(tier - 1):
                count = self.cp.new_int_var(0, int(cut.room[tier][domain]) // cut.unit(tier), "")
                self.cp.add(total == cut.unit(tier) * count)
            self._place(tier, domain, job, total, count)
            for child in children:
                self.cp.add_implication(self.present[tier - 1, child, job], self.present[tier, domain, job])

    def _place(
        self, tier: int, domain: int, job: int, gpus: cp_model.LinearExprT, count: cp_model.LinearExprT
    ) -> None:
        """Ensures that a domain counts as touched exactly where it gives GPUs."""
        touched = self.cp.new_bool_var("")
        self.gpus[tier, domain, job] = gpus
        self.present[tier, domain, job] = touched
        self.cp.add(gpus <= int(self.cuts[job].room[tier][domain]) * touched)
        self.cp.add(count >= touched)

    def _share_room(self) -> None:
        """Ensures that no jobs get more of a domain than there is of what any of them may use."""
        usable = {job: self.ground.usable(job) for job in self.jobs}
        own = {each.tobytes(): each for each in usable.values()}
        parts = {self.ground.free.tobytes(): self.ground.free, **own}
        together = MOST_PINS if len(own) <= MOST_PARTS else 1
        for size in range(2, min(len(own), together) + 1):
            for some in combinations(own.values(), size):
                union = np.logical_or.reduce(some)
                parts[union.tobytes()] = union
        self.parts = list(parts.values())
        for part in self.parts:
            within = [job for job in self.jobs if not (usable[job] & ~part).any()]
            self._limit(self.tiers[0], self._room(part, self.tiers[0]), within)

    def _room(self, part: BoolArray, tier: int) -> IntArray:
        """How many of some GPUs each domain of a tier has."""
        cluster = self.ground.cluster
        domain = cluster.domain_of_gpu[tier][part]
        return np.bincount(domain, minlength=cluster.tiers[tier].domains).astype(np.int64)

    def _limit(self, tier: int, room: IntArray, jobs: Sequence[int]) -> None:
        """Ensures that some jobs together get at most `room` of each domain of a tier."""
        for domain in self.region.domains[tier]:
            given = [self.gpus[tier, domain, job] for job in jobs if (tier, domain, job) in self.gpus]
            if len(given) > 1:
                self.cp.add(sum(given) <= int(room[domain]))

    def _keep_fragments_apart(self) -> None:
        """Ensures that cells of different size, larger ones first, fit into fragments of nodes together."""
        tier, free = self.tiers[0], self.ground.free_in
        sizes = {
            (level, size)
            for cut in self.cuts.values()
            for level, size in ((cut.inner_tier, cut.inner_ranks), (cut.cell_tier, cut.cell_ranks))
            if level <= tier and size > 1
        }
        for level, size in sorted(sizes):
            room = free[level] // size * size
            for each in range(level, tier):
                parent = self.ground.cluster.tiers[each].parent
                domains = self.ground.cluster.tiers[each + 1].domains
                room = np.bincount(parent, room, minlength=domains).astype(np.int64)
            self._limit(tier, room, [job for job in self.jobs if self.cuts[job].unit(tier) >= size])

    def _order_equal_domains(self) -> None:
        """Ensures that of equal domains side by side an earlier one gives the first job no less."""
        first = self.jobs[0] if self.jobs else -1
        for tier, kinds in self._kinds().items():
            if tier == self.region.tier:
                break
            parent = self.ground.cluster.tiers[tier].parent
            before: dict[tuple[int, int], int] = {}
            for domain, kind in kinds.items():
                if (tier, domain, first) not in self.gpus:
                    continue
                key = int(parent[domain]), kind
                if key in before:
                    self.cp.add(self.gpus[tier, before[key], first] >= self.gpus[tier, domain, first])
                before[key] = domain

    def _kinds(self) -> dict[int, dict[int, int]]:
        """For each tier and domain a number, the same for those that no constraint tells apart."""
        ground, kinds = self.ground, {}
        numbers: dict[object, int] = {}
        inside: dict[int, list[int]] = {}
        for tier in self.tiers:
            columns = [self.cuts[job].room[tier] for job in self.jobs]
            columns += [self._room(part, tier) for part in self.parts]
            columns += [held[tier].astype(np.int64) for held in ground.running_in.values()]
            own = np.stack(columns, axis=1)
            kinds[tier] = {
                domain: numbers.setdefault(
                    (tier, own[domain].tobytes(), tuple(sorted(inside.get(domain, ())))), len(numbers)
                )
                for domain in self.region.domains[tier]
            }
            inside = {}
            if tier < self.region.tier:
                parent = ground.cluster.tiers[tier].parent
                for domain, kind in kinds[tier].items():
                    inside.setdefault(int(parent[domain]), []).append(kind)
        return kinds

    def holders(self, tier: int, domain: int, jobs: Sequence[int]) -> list[cp_model.LiteralT]:
        """For each of some jobs that may lie in a domain whether it does; those that run do or do not."""
        running = self.ground.running_in
        held: list[cp_model.LiteralT] = []
        for job in jobs:
            if job in running:
                held += [True] if running[job][tier][domain] else []
            elif (tier, domain, job) in self.present:
                held.append(self.present[tier, domain, job])
        return held

    def _keep_apart(self, rule: TierRule) -> None:
        """Ensures that no domain of the rule's tier, where it is looked at, holds two of its jobs."""
        if rule.tier in self.tiers:
            for domain in self.region.domains[rule.tier]:
                self.cp.add_at_most_one(self.holders(rule.tier, domain, rule.jobs))

    def _keep_together(self, rule: TierRule) -> None:
        """Ensures that all jobs of the rule lie in one domain of its tier, or one around such a domain."""
        tier = max(rule.tier, self.region.inner)
        if tier > self.region.tier:
            return
        wanted = sum(self.ranks[job] for job in rule.jobs if job in self.ranks)
        held_by_running = self.ground.running_in
        if not wanted and not any(job in held_by_running for job in rule.jobs):
            return
        room = np.zeros(self.ground.cluster.tiers[tier].domains, np.int64)
        np.maximum.at(room, self.ground.around(rule.tier, tier), self.ground.free_in[rule.tier])
        chosen = {domain: self.cp.new_bool_var("") for domain in self.region.domains[tier]}
        self.cp.add_at_most_one(chosen.values())
        for domain, choice in chosen.items():
            if room[domain] < wanted:
                self.cp.add(choice == 0)
            for held in self.holders(tier, domain, rule.jobs):
                self.cp.add_implication(held, choice)

    def suggest_filling_up(self) -> None:
        """Start from what filling domain after domain, job after job, gives; rules between jobs aside."""
        inner = self.region.inner
        left = {domain: int(self.ground.free_in[inner][domain]) for domain in self.region.domains[inner]}
        for job in self.jobs:
            wanted, unit = self.ranks[job], self.cuts[job].unit(inner)
            for domain, free in left.items():
                room = min(free, wanted, int(self.cuts[job].room[inner][domain]))
                taken = room // unit * unit
                if (domain, job) in self.counts:
                    self.cp.add_hint(self.counts[domain, job], taken // unit)
                    left[domain] -= taken
                    wanted -= taken

    def most(self, job: int, control: Control, limit_s: float) -> int:
        """The most ranks of a job that find a place beside the others; 0 where that was not found out."""
        whole = self.gpus[self.region.tier, self.region.root, job]
        self.cp.maximize(whole)
        search = control.search(self.cp, limit_s)
        return int(search.solver.value(whole)) if search.found else 0

    def given(self, search: Search) -> dict[int, dict[int, int]]:
        """What a search found: by job the GPUs of each domain of the innermost tier looked at."""
        found: dict[int, dict[int, int]] = {job: {} for job in self.jobs}
        for (tier, domain, job), expression in self.gpus.items():
            if tier == self.region.inner:
                found[job][domain] = int(search.solver.value(expression))
        return found
