"""Pairs of domains of one tier share out what they hold, over and over, exactly but for some noise.

A cell that moves alone must often pass what is worse before it is better, the more so the larger domains are.
Two domains that share out all they hold at once, in the best way there is, pass it in one step. Always taken
as they are, such steps soon end where no pair gains. So what widths cost is drawn with noise, which falls as
the temperature of a walk does: simulated annealing over very large neighbourhoods.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.walks.anneal import costliest_cell
from planner.solve.walks.loops import pairs_compiled
from planner.solve.walks.top_down import lined_inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Level
    from planner.solve.setup.control import Control
    from planner.solve.walks.pair_kernel import Held
    from planner.solve.walks.sharing_kernel import Tables

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

MOST_ROOM = 1_000
# Noise at the beginning, as shares of the costliest cell's bytes, and how much of it is left in the end.
HEATS, COOLED = (0.05, 0.025, 0.0125), 0.02
GREEDY, LEARNT = 0.5, 0.5
FIRST_TURNS, GROWTH, MOST_TURNS, OTHERS_FROM = 10, 1.6, 20_000, 60
# Turns for each domain without a gain after which nothing more is expected.
PATIENCE = 30_000
# Of deterministic runs, which nobody's clock ends: states of all programmes of a walk.
MOST_STATES = 500_000_000
IDLE_ROUNDS = 2
# A round takes at most about this part of the time left.
ROUND_SHARE = 0.1
# States of the programmes between two looks at the clock.
CHUNK = 60_000_000


def shares_pairs(costs: StageCosts, rooms: IntArray) -> bool:
    """Whether pairs of domains with these rooms, shape (domains,), can share out what they hold."""
    return not costs.rungs.any() and costs.ahead is None and len(rooms) > 1 and int(rooms.max()) <= MOST_ROOM


def held_by(costs: StageCosts, rooms: IntArray, widths: IntArray) -> Held:
    """What domains hold, and who holds each stage."""
    from planner.solve.walks.pair_kernel import Held

    holds = widths.T > 0
    order = np.argsort(~holds, axis=1, kind="stable").astype(np.int32)
    place = np.argsort(order, axis=1).T.astype(np.int32)
    return Held(
        widths.astype(np.int32),
        rooms.astype(np.int32),
        order,
        holds.sum(axis=1).astype(np.int32),
        np.ascontiguousarray(place),
        costs.holding(costs.replicas + 1),
        np.append(costs.v, costs.v_wrap),
    )


def _most_cells(costs: StageCosts, rooms: IntArray) -> int:
    """The most cells that a domain can hold."""
    return min(int(rooms.max()), costs.stages * costs.replicas)


def _states(costs: StageCosts, rooms: IntArray) -> int:
    """States of the programme of two domains, at most."""
    most = _most_cells(costs, rooms)
    return (2 * most + costs.stages) * (most + 1)


def tables_for(costs: StageCosts, rooms: IntArray) -> Tables:
    """Room for the programme of any two domains."""
    from planner.solve.walks.sharing_kernel import empty_tables

    tables: Tables = empty_tables(costs.stages, _most_cells(costs, rooms), costs.replicas)
    return tables


@dataclass
class _Other:
    """Where a walk that does not begin at the best goes on, what that costs, and rounds without a gain."""

    widths: IntArray
    least: float = np.inf
    idle: int = 0


@dataclass
class _Heat:
    """Noise when a walk begins, as a share of the costliest cell's bytes, and what it gained of late."""

    share: float
    worth: float = np.inf


@dataclass(frozen=True)
class _Walk:
    """Where a walk begins, how hot, and whose it is: None of one that begins at the best."""

    widths: IntArray
    heat: _Heat
    seed: int
    other: _Other | None


class Pairs:
    """Rounds of walks in which pairs share out what they hold, some hotter and some colder, ever longer.

    Half of the walks begin at the best. The others go on from where they were, and where they gain nothing
    more from cells in line: good placements differ in what no pair can mend.

    Parameters
    ----------
    turns
        For each domain, of the first round.
    """

    def __init__(self, costs: StageCosts, level: Level, control: Control, turns: float = FIRST_TURNS) -> None:
        self.costs, self.level, self.control = costs, level, control
        self.rooms, self.unit = level.room, costliest_cell(costs)
        self.turns, self.round, self.spent, self.idle = float(turns), 0, 0.0, 0.0
        self.patience, self.states = PATIENCE, len(self.rooms) * _states(costs, self.rooms)
        self.others: list[_Other] = []
        self.heats = [_Heat(share) for share in HEATS]
        self.random = np.random.default_rng(control.seed)

    @property
    def over(self) -> bool:
        """Whether the time or the work is spent, or nothing was gained for long."""
        spent = self.control.deterministic and self.spent * self.states > MOST_STATES
        return self.control.over or self.idle > self.patience or spent

    def better(self, widths: IntArray, patience: int = PATIENCE) -> Iterator[IntArray]:
        """Width vectors, shape (domains, P), of ever lower cost, from these on.

        Parameters
        ----------
        patience
            Turns for each domain without a gain after which nothing more is expected.
        """
        least = self._bytes(widths)
        if not shares_pairs(self.costs, self.rooms) or not pairs_compiled(self.control):
            return
        self.idle, self.patience = 0.0, patience
        with ThreadPoolExecutor(self.control.threads) as pool:
            while not self.over:
                started = self.control.elapsed_s
                walks = self._walks(widths)
                found = list(pool.map(self.walked, walks))
                self._count(len(walks), self.control.elapsed_s - started)
                for walk, each in zip(walks, found, strict=True):
                    self._learn(walk, each, least)
                best = min(found, key=self._bytes)
                if self._bytes(best) < least:
                    widths, least, self.idle = best, self._bytes(best), 0.0
                    yield widths

    def _walks(self, best: IntArray) -> list[_Walk]:
        """The walks of a round: half of them from the best, once there is time for others."""
        most = max(2, self.control.threads)
        if self.turns >= OTHERS_FROM and not self.others:
            self.others = [_Other(self._lined()) for _ in range(most // 2)]
        starts: list[_Other | None] = [*[None] * (most - len(self.others)), *self.others]
        return [
            _Walk(best if other is None else other.widths, self._heat(), self.round + place, other)
            for place, other in enumerate(starts)
        ]

    def _heat(self) -> _Heat:
        """Now a random heat, now the one that gained most of late."""
        best = max(self.heats, key=lambda each: each.worth)
        if np.isinf(best.worth):
            best.worth = 0.0
            return best
        return best if self.random.random() < GREEDY else self.heats[self.random.integers(len(self.heats))]

    def _learn(self, walk: _Walk, found: IntArray, least: float) -> None:
        """Take in what a walk found: how well its heat does, and where one not from the best goes on."""
        cost, other = self._bytes(found), walk.other
        gain = max(0.0, least - cost) / self.turns
        walk.heat.worth = (1 - LEARNT) * walk.heat.worth + LEARNT * gain
        if other is not None:
            other.idle = 0 if cost < other.least else other.idle + 1
            other.widths, other.least = found, cost
            if other.idle > IDLE_ROUNDS:
                other.widths, other.least, other.idle = self._lined(), np.inf, 0

    def _bytes(self, widths: IntArray) -> float:
        """Sum of f."""
        return float(self.costs.domain_bytes(widths).sum())

    def _lined(self) -> IntArray:
        """Cells in line, cut by the rooms of the domains in some order, shape (domains, P)."""
        coverage = np.full((1, self.costs.stages), self.costs.replicas, np.int32)
        random = np.random.default_rng(self.control.seed + self.round)
        return lined_inside(self.level, coverage, self.costs, random, 1)

    def _count(self, walks: int, seconds: float) -> None:
        """Count a round that took so long; the next one is longer, as far as there is time."""
        self.round += walks
        self.spent += self.turns
        self.idle += self.turns
        if self.control.deterministic or GROWTH * seconds < ROUND_SHARE * self.control.left_s:
            self.turns = min(self.turns * GROWTH, MOST_TURNS)

    def walked(self, walk: _Walk) -> IntArray:
        """The cheapest width vectors of a walk, shape (domains, P)."""
        hot = walk.heat.share * self.unit
        return self._walk(
            walk.widths, hot, round(self.turns * len(self.rooms)), self.control.seed + walk.seed
        )

    def _walk(self, widths: IntArray, hot: float, turns: int, seed: int) -> IntArray:
        """Walk in chunks, as far as the time goes."""
        from planner.solve.walks.pair_kernel import share_out_pairs

        held, tables = held_by(self.costs, self.rooms, widths), tables_for(self.costs, self.rooms)
        best, least = widths.astype(np.int32), float(self.costs.domain_bytes(widths).sum())
        chunks = max(1, turns * len(tables.paid) // CHUNK)
        seeds = np.random.default_rng(seed).integers(2**31, size=chunks).tolist()
        for (begin, end), each in zip(
            pairwise(np.geomspace(hot, COOLED * hot, chunks + 1)), seeds, strict=True
        ):
            if self.control.over:
                break
            least = share_out_pairs(held, tables, begin, end, turns // chunks, each, best, least)
        return best
