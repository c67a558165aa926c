"""The fewest bytes that change rail with all families at once, by an integer programme.

Every rank takes one rail of its domain, and a rail of a domain no more ranks than it has GPUs there.
What a group has in one domain, its share, holds the rails that its ranks take; the programme
minimises the parts that groups fall into beyond the first. Let the shares of a group be put into
any blocks. Were each block one part, a rail would join at most the blocks that hold it, so with
``b`` blocks, of which ``b_r`` hold rail r,

    parts - 1  >=  b - 1 - sum over rails with b_r > 0 of (b_r - 1)

and of all ways to form blocks the one by the parts themselves meets it. The programme begins with
each share as a block of its own, which is exact where shares are of one rank. Where its seats break a
group into more parts than it reckoned with, those parts are added as blocks, and it is solved again.

Each family is bounded alone first, and of it each set of domains that its groups connect. What changes
in them is part of what changes in all, so their sum is a bound as well, and often enough.

Any bound that a search has proven when its limit is reached is a floor. The limit is of work, not of
time, so that the floor is the same on every machine. How long a proof takes depends on chance, so several
searches that differ go side by side until the first of them has ended with one.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from fractions import Fraction
from itertools import pairwise
from math import ceil, gcd, lcm
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from ortools.sat.python import cp_model

    IntArray = NDArray[np.int64]
    Rails = dict[int, cp_model.IntVar]

T = TypeVar("T")

# Work in the units of CP-SAT: of the searches for families alone together, and of each attempt at all.
ALONE_WORK, ATTEMPT_WORK = 3.0, 7.0
# Sums of payloads are kept below this, so that every bound is a whole number of doubles.
LARGEST = 2**45


class Attempt(NamedTuple):
    """One way to search: with alike rails in order or not, the effort to make cores small, and a seed."""

    ordered: bool
    effort: int
    seed: int


# Which of them ends with a proof soon differs, and by far, from job to job.
ALONE = Attempt(ordered=True, effort=1, seed=1)
ATTEMPTS = (
    ALONE,
    *(Attempt(ordered=False, effort=2, seed=seed) for seed in (0, 1)),
    Attempt(ordered=True, effort=2, seed=0),
    *(Attempt(ordered=False, effort=2, seed=seed) for seed in (2, 3)),
)


class Group(NamedTuple):
    """Ranks of a group, those in one domain together, and the bytes of each part beyond the first."""

    shares: tuple[tuple[int, ...], ...]
    payload: float


def least_together(
    families: Sequence[Sequence[Group]], domain: IntArray, rail: IntArray, room: IntArray
) -> float:
    """Bytes that change rail however ranks are seated inside their domains; at most those that do now.

    Parameters
    ----------
    families
        All that would be on one rail: pairs of neighbours, and collectives over several domains.
    domain, rail
        Domain and rail of every rank, shape (ranks,).
    room
        GPUs in service by domain and rail, shape (domains, rails).
    """
    if (np.bincount(domain, minlength=len(room)) > room.sum(axis=1)).any():
        # Some ranks share a GPU, or one out of service: there are no seats for all.
        return 0.0
    terms, unit = _counted(families, rail.tolist())
    least, work = 0, 0.0
    for connected in _connected(families, domain):
        those = [terms[place] for place in connected]
        if _changed(those):
            floor = _Programme(those, domain, room, ALONE).floor(ALONE_WORK - work)
            least, work = least + floor.units, work + floor.work
    if least < _changed(terms):
        least = max(least, _attempted(terms, domain, room))
    return float(least * unit)


def _attempted(terms: Sequence[_Term], domain: IntArray, room: IntArray) -> int:
    """Units that change at least by any attempt, side by side until one is exact."""
    least, over, begun = 0, threading.Event(), list[_Programme]()

    def attempt(chosen: Attempt) -> _Floor:
        begun.append(_Programme(terms, domain, room, chosen, over))
        return begun[-1].floor(ATTEMPT_WORK)

    pool = ThreadPoolExecutor(min(len(ATTEMPTS), os.cpu_count() or 1))
    try:
        for job in as_completed([pool.submit(attempt, each) for each in ATTEMPTS]):
            floor = job.result()
            # Others are exact with the same number or have proven less: it does not matter who is first.
            least = max(least, floor.units)
            if floor.exact:
                break
    finally:
        over.set()
        for each in begun:
            each.stop()
        pool.shutdown(cancel_futures=True)
    return least


def _connected(families: Sequence[Sequence[Group]], domain: IntArray) -> Iterator[list[int]]:
    """Places of groups in a list of all families', those of a family together that domains connect."""
    begin = 0
    for groups in families:
        touched = [{int(domain[rank]) for share in each.shares for rank in share} for each in groups]
        yield from _joined(range(begin, begin + len(groups)), touched)
        begin += len(groups)


class _Term(NamedTuple):
    """Ranks of a group, share by share, units of each part beyond the first, and those parts now."""

    shares: tuple[tuple[int, ...], ...]
    units: int
    now: int


def _changed(terms: Iterable[_Term]) -> int:
    """Units that change rail now."""
    return sum(each.units * each.now for each in terms)


class _Floor(NamedTuple):
    """Units that change at least, the work done to prove it, and whether some seats change no more."""

    units: int
    work: float
    exact: bool


class _Programme:
    """Rails of ranks, and how many parts each group falls into at least."""

    def __init__(
        self,
        terms: Sequence[_Term],
        domain: IntArray,
        room: IntArray,
        chosen: Attempt,
        over: threading.Event | None = None,
    ) -> None:
        from ortools.sat.python import cp_model

        self.model = cp_model.CpModel()
        self.terms, self.chosen = terms, chosen
        self.over = over or threading.Event()
        self.solver: cp_model.CpSolver | None = None
        touched = np.unique(domain[[rank for each in terms for share in each.shares for rank in share]])
        self.on: dict[int, Rails] = {
            rank: {rail: self.model.new_bool_var("") for rail in np.flatnonzero(room[domain[rank]]).tolist()}
            for rank in np.flatnonzero(np.isin(domain, touched)).tolist()
        }
        self._seat(domain, room)
        if chosen.ordered:
            self._order(domain, room, touched)
        self.more = [self.model.new_int_var(0, len(each.shares) - 1, "") for each in terms]
        for place, each in enumerate(terms):
            if [len(share) for share in each.shares] == [1, 1]:
                self._pair(place)
            else:
                self._part(place, [[share] for share in each.shares])
        total = sum(each.units * more for each, more in zip(terms, self.more, strict=True))
        self.model.add(total < _changed(terms))
        self.model.minimize(total)

    def _seat(self, domain: IntArray, room: IntArray) -> None:
        """Every rank takes one rail, and a rail as many ranks as it has room; all of it in a full domain."""
        for rails in self.on.values():
            self.model.add_exactly_one(rails.values())
        for each in np.unique(domain[list(self.on)]).tolist():
            ranks = np.flatnonzero(domain == each).tolist()
            full = len(ranks) == room[each].sum()
            for rail in np.flatnonzero(room[each]).tolist():
                taken = sum(self.on[rank][rail] for rank in ranks)
                self.model.add(taken == room[each, rail] if full else taken <= room[each, rail])

    def _order(self, domain: IntArray, room: IntArray, touched: IntArray) -> None:
        """Rails on which all domains have as many GPUs are alike: in a full domain they follow the ranks."""
        full = np.bincount(domain, minlength=len(room)) == room.sum(axis=1)
        alike: dict[tuple[int, ...], list[int]] = {}
        for rail, rooms in enumerate(room[touched].T.tolist()):
            alike.setdefault(tuple(rooms), []).append(rail)
        for rooms, rails in alike.items():
            single = [
                each for each, has in zip(touched.tolist(), rooms, strict=True) if has == 1 and full[each]
            ]
            ranks = np.flatnonzero(domain == single[0]).tolist() if single else []
            for rail, following in pairwise(rails):
                for place, rank in enumerate(ranks):
                    before = [self.on[each][rail] for each in ranks[:place]]
                    self.model.add_bool_or([self.on[rank][following].negated(), *before])

    def _pair(self, place: int) -> None:
        """Two ranks are two parts where one is on a rail that the other is not on."""
        (one,), (other,) = self.terms[place].shares
        for here, there in ((self.on[one], self.on[other]), (self.on[other], self.on[one])):
            for rail, taken in here.items():
                met = [there[rail]] if rail in there else []
                self.model.add_bool_or([self.more[place], taken.negated(), *met])

    def _part(self, place: int, blocks: Sequence[Sequence[Sequence[int]]]) -> None:
        """Hold a group to the parts that it falls into with these blocks of its shares."""
        holders: dict[int, list[cp_model.IntVar]] = {}
        for block in blocks:
            for rail, held in self._held(block).items():
                holders.setdefault(rail, []).append(held)
        joined = []
        for those in holders.values():
            if len(those) > 1:
                used = self.model.new_bool_var("")
                for each in those:
                    self.model.add_implication(each, used)
                joined += [*those, -used]
        self.model.add(self.more[place] + sum(joined) >= len(blocks) - 1)

    def _held(self, block: Iterable[Sequence[int]]) -> Rails:
        """Rails that a block may hold, each with a variable that is 1 only where it does."""
        takers: dict[int, list[cp_model.IntVar]] = {}
        for rank in (rank for share in block for rank in share):
            for rail, variable in self.on[rank].items():
                takers.setdefault(rail, []).append(variable)
        return {rail: self._any(variables) for rail, variables in takers.items()}

    def _any(self, variables: Sequence[cp_model.IntVar]) -> cp_model.IntVar:
        """1 only where one of the variables is."""
        if len(variables) == 1:
            return variables[0]
        held = self.model.new_bool_var("")
        self.model.add_bool_or([held.negated(), *variables])
        return held

    def floor(self, limit: float) -> _Floor:
        """Units that change at least, as far as is proven within a limit of work."""
        from ortools.sat.python import cp_model

        best, work = 0, 0.0
        while work < limit and not self.over.is_set():
            self.solver = solver = _solver(limit - work, self.chosen)
            outcome = solver.solve(self.model)
            work += solver.response_proto.deterministic_time
            if outcome == cp_model.INFEASIBLE:
                # No seats change less than those that there are.
                return _Floor(_changed(self.terms), work, exact=True)
            best = max(best, ceil(solver.best_objective_bound - 0.5))
            if outcome != cp_model.OPTIMAL:
                break
            if not self._cut(solver):
                return _Floor(best, work, exact=True)
        return _Floor(best, work, exact=False)

    def stop(self) -> None:
        """End the search that is going on, if there is one."""
        if self.solver:
            self.solver.stop_search()

    def _cut(self, solver: cp_model.CpSolver) -> bool:
        """Hold groups to the parts that they fall into with the seats found, where these are more."""
        rail = {
            rank: next(rail for rail, taken in rails.items() if solver.boolean_value(taken))
            for rank, rails in self.on.items()
        }
        cut = False
        for place, each in enumerate(self.terms):
            parts = _parts(each.shares, rail)
            if len(parts) - 1 > solver.value(self.more[place]):
                self._part(place, parts)
                cut = True
        return cut


def _parts(
    shares: Sequence[tuple[int, ...]], rail: Sequence[int] | dict[int, int]
) -> list[list[tuple[int, ...]]]:
    """Shares of a group, those together that common rails link, however many steps apart."""
    return _joined(shares, [{rail[rank] for rank in share} for share in shares])


def _joined(items: Sequence[T], marks: Sequence[set[int]]) -> list[list[T]]:
    """Items, those together that have marks in common, however many steps apart."""
    together: list[list[T]] = []
    found: list[set[int]] = []
    for item, mark in zip(items, marks, strict=True):
        those, has = [item], set(mark)
        for place in reversed(range(len(together))):
            if found[place] & has:
                those += together.pop(place)
                has |= found.pop(place)
        together.append(those)
        found.append(has)
    return together


def _counted(families: Sequence[Sequence[Group]], rail: Sequence[int]) -> tuple[list[_Term], Fraction]:
    """All groups with payloads as whole numbers of a unit, and the unit in bytes.

    They are rounded down where they would be too large.
    """
    every = [each for groups in families for each in groups]
    exact = [Fraction(each.payload) for each in every]
    scale = lcm(*(each.denominator for each in exact))
    total = sum(size * len(each.shares) for size, each in zip(exact, every, strict=True)) * scale
    unit = Fraction(max(gcd(*(int(each * scale) for each in exact)), int(total) // LARGEST, 1), scale)
    return [
        _Term(each.shares, int(size / unit), len(_parts(each.shares, rail)) - 1)
        for size, each in zip(exact, every, strict=True)
    ], unit


def _solver(work: float, chosen: Attempt) -> cp_model.CpSolver:
    """A search that raises its bound from below, and repeats itself."""
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = work
    solver.parameters.optimize_with_core = True
    solver.parameters.core_minimization_level = chosen.effort
    solver.parameters.random_seed = chosen.seed
    # An interrupt is Python's: one that a search takes for itself would end it as its limit does.
    solver.parameters.catch_sigint_signal = False
    solver.parameters.linearization_level = 0
    # With these two in the presolve of OR-Tools 9.15 a solution can be called optimal that is not.
    solver.parameters.keep_all_feasible_solutions_in_presolve = True
    solver.parameters.cp_model_probing_level = 0
    return solver
