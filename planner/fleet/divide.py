"""Dividing a cluster among jobs from the outside in: outer tiers first, then each domain that is shared.

A domain that one job has to itself needs no second look. Where what is found outside cannot be had
inside, which takes rules or fragments, one model of all tiers is the judge.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from planner.fleet.charges import charge
from planner.fleet.partition import PartitionModel, region_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from planner.fleet.cut import Cut
    from planner.fleet.ground import Ground
    from planner.fleet.partition import Region
    from planner.fleet.prices import Prices
    from planner.fleet.rules import TierRule
    from planner.solve.setup.control import Control

    IntArray = NDArray[np.int64]
    Key = tuple[int, tuple[tuple[int, int], ...], tuple[bytes, ...]]

MOST_COUNTS = 200
LOOK_S, LOOK_SHARE = 30.0, 0.5
# What is minimised is an estimate, not worth more digits.
NEAR = 0.01


class Answer(Enum):
    """How a search for a partition ended without one."""

    NONE_EXISTS = "proven that there is none"
    UNKNOWN = "none found"


@dataclass(frozen=True, eq=False)
class Partition:
    """How many GPUs of each domain of the innermost tier looked at each new job gets.

    Parameters
    ----------
    gpus
        By job, each of shape (domains,).
    cuts
        The cut by which each job was dealt.
    """

    gpus: Mapping[int, IntArray]
    cuts: Mapping[int, Cut]


@dataclass(frozen=True, eq=False)
class Way:
    """How each new job is cut, and whether that surely fits into fragments of nodes; see `PartitionModel`."""

    cuts: Mapping[int, Cut]
    strict: bool = True


@dataclass(frozen=True, eq=False)
class Divider:
    """Divides the cluster among jobs.

    Parameters
    ----------
    ground
        The fleet on its cluster.
    way
        How jobs are cut.
    control
        Limits.
    prices
        What to minimise; None for any partition.
    without
        A rule on tiers that need not hold.
    known
        How domains inside were shared out, by what others must have in common with them.
    """

    ground: Ground
    way: Way
    control: Control
    prices: Prices | None = None
    without: TierRule | None = None
    known: dict[Key, dict[int, IntArray]] = field(default_factory=dict)

    @property
    def rules(self) -> list[TierRule]:
        """The rules on tiers that must hold."""
        return [rule for rule in self.ground.fleet.tier_rules if rule is not self.without]

    def divide(self, ranks: Mapping[int, int]) -> Partition | Answer:
        """A partition in which each job gets room for its ranks."""
        ground, last = self.ground, self.ground.outermost
        coarse, whole = outer_region(ground, last, 0, len(ranks)), region_of(ground, last, 0, self._top)
        gpus, answer = self._filled(coarse, ranks)
        if answer is Answer.UNKNOWN and coarse.inner > whole.inner:
            gpus, answer = self._filled(whole, ranks)
        return answer or Partition(gpus, self.way.cuts)

    @property
    def _top(self) -> int:
        return top_of(self.ground)

    def _filled(self, region: Region, ranks: Mapping[int, int]) -> tuple[dict[int, IntArray], Answer | None]:
        """What each job gets of each innermost domain, and why there may be nothing."""
        domains = self.ground.cluster.tiers[self._top].domains
        gpus = {job: np.zeros(domains, np.int64) for job in ranks}
        return gpus, self._fill(region, ranks, gpus)

    def _fill(self, region: Region, ranks: Mapping[int, int], gpus: Mapping[int, IntArray]) -> Answer | None:
        """Share out one region; what is found goes into `gpus`."""
        model = PartitionModel(self.ground, region, self.way.cuts, ranks, self.rules, strict=self.way.strict)
        if self.prices is not None:
            charge(model, self.prices)
        model.suggest_filling_up()
        # Searches further in need some of the time as well.
        with self.control.step(LOOK_SHARE):
            search = self.control.search(model.cp, LOOK_S, relative_gap=NEAR)
        if not search.found:
            return Answer.NONE_EXISTS if search.infeasible else Answer.UNKNOWN
        for job, given in model.given(search).items():
            for domain, count in given.items():
                if region.inner == self._top:
                    gpus[job][domain] = count
        return None if region.inner == self._top else self._fill_inside(region, model.given(search), gpus)

    def _fill_inside(
        self,
        region: Region,
        given: Mapping[int, Mapping[int, int]],
        gpus: Mapping[int, IntArray],
    ) -> Answer | None:
        """Share out each innermost domain of a region among those who got some of it."""
        for domain in region.domains[region.inner]:
            here = {job: each[domain] for job, each in given.items() if each.get(domain)}
            if self._settled(region.inner, domain, list(here)):
                for job, count in here.items():
                    self._line_up(region.inner, domain, job, count, gpus[job])
            elif here and self._fill_domain(region.inner, domain, here, gpus) is not None:
                return Answer.UNKNOWN
        return None

    def _fill_domain(
        self, tier: int, domain: int, ranks: Mapping[int, int], gpus: Mapping[int, IntArray]
    ) -> Answer | None:
        """Share out one domain, as another one that is alike in all that counts where there was one."""
        key = self._alike(tier, domain, ranks)
        inside = np.flatnonzero(self.ground.around(self._top, tier) == domain)
        if key is not None and key in self.known:
            for job, counts in self.known[key].items():
                gpus[job][inside] = counts
            return None
        answer = self._fill(outer_region(self.ground, tier, domain, len(ranks)), ranks, gpus)
        if key is not None and answer is None:
            self.known[key] = {job: gpus[job][inside].copy() for job in ranks}
        return answer

    def _alike(self, tier: int, domain: int, ranks: Mapping[int, int]) -> Key | None:
        """What a domain must have in common with another one to be shared out like it; None for nothing."""
        runs_here = any(held[tier][domain] for held in self.ground.running_in.values())
        if runs_here or (self.prices is not None and self.prices.noise is not None):
            return None
        key: list[bytes] = []
        for level in range(self._top, tier + 1):
            inside = np.flatnonzero(self.ground.around(level, tier) == domain)
            key += [self.way.cuts[job].room[level][inside].tobytes() for job in ranks]
            key.append(self.ground.free_in[level][inside].tobytes())
            if level < tier:
                around = self.ground.cluster.tiers[level].parent[inside]
                key.append(np.unique(around, return_inverse=True)[1].tobytes())
        return tier, tuple(ranks.items()), tuple(key)

    def _settled(self, tier: int, domain: int, jobs: list[int]) -> bool:
        """Whether it does not matter how a domain is shared out inside: it is one job's, and no rule asks."""
        runs_here = any(held[tier][domain] for held in self.ground.running_in.values())
        if len(jobs) != 1 or runs_here:
            return False
        return not any(
            rule.kind == "together" and rule.tier < tier and jobs[0] in rule.jobs for rule in self.rules
        )

    def _line_up(self, tier: int, domain: int, job: int, count: int, gpus: IntArray) -> None:
        """Take the first domains inside one until there is room for `count` GPUs."""
        inside = np.flatnonzero(self.ground.around(self._top, tier) == domain)
        room = self.way.cuts[job].room[self._top][inside]
        gpus[inside] = np.minimum(room, np.maximum(0, count - np.concatenate(([0], room.cumsum()[:-1]))))


def top_of(ground: Ground) -> int:
    """The innermost tier that a partition looks at."""
    return min(ground.innermost, ground.outermost)


def outer_region(ground: Ground, tier: int, root: int, jobs: int) -> Region:
    """As many tiers of one domain as make a model of moderate size, but one at the least."""
    top = top_of(ground)
    inner = max(top, tier - 1)
    while inner > top:
        inside = int((ground.around(inner - 1, tier) == root).sum())
        if inside * jobs > MOST_COUNTS:
            break
        inner -= 1
    return region_of(ground, tier, root, inner)
