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

Any bound that a search has proven when its limit is reached is a floor. The limit is of work, not of
time, so that the floor is the same on every machine.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, gcd, lcm
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from ortools.sat.python import cp_model

    IntArray = NDArray[np.int64]
    Rails = dict[int, cp_model.IntVar]

# Work of all searches together, in the units of CP-SAT.
MOST_WORK = 3.0
# Sums of payloads are kept below this, so that every bound is a whole number of doubles.
LARGEST = 2**45


class Group(NamedTuple):
    """Ranks of a group, those in one domain together, and the bytes of each part beyond the first."""

    shares: tuple[tuple[int, ...], ...]
    payload: float


def least_together(groups: Sequence[Group], domain: IntArray, room: IntArray, changed: float) -> float:
    """Bytes that change rail however ranks are seated inside their domains.

    Parameters
    ----------
    groups
        All that would be on one rail: pairs of neighbours, and collectives over several domains.
    domain
        Domain of every rank, shape (ranks,).
    room
        GPUs in service by domain and rail, shape (domains, rails).
    changed
        Bytes that change rail as ranks are seated; the search is for seats that change fewer.
    """
    if (np.bincount(domain, minlength=len(room)) > room.sum(axis=1)).any():
        # Some ranks share a GPU, or one out of service: there are no seats for all.
        return 0.0
    return _Programme([each for each in groups if each.payload > 0], domain, room, changed).floor()


class _Programme:
    """Rails of all ranks, and how many parts each group falls into at least."""

    def __init__(self, groups: Sequence[Group], domain: IntArray, room: IntArray, changed: float) -> None:
        from ortools.sat.python import cp_model

        self.model = cp_model.CpModel()
        self.groups, self.changed = groups, changed
        self.on: list[Rails] = [
            {rail: self.model.new_bool_var("") for rail in np.flatnonzero(room[each]).tolist()}
            for each in domain
        ]
        self._seat(domain, room)
        self.more = [self.model.new_int_var(0, len(each.shares) - 1, "") for each in groups]
        for place, group in enumerate(groups):
            if all(len(share) == 1 for share in group.shares) and len(group.shares) == 2:
                self._pair(place)
            else:
                self._part(place, [[share] for share in group.shares])
        weights, self.unit = _whole([(each.payload, len(each.shares)) for each in groups])
        total = sum(each * more for each, more in zip(weights, self.more, strict=True))
        self.model.add(total < ceil(changed / self.unit))
        self.model.minimize(total)

    def _seat(self, domain: IntArray, room: IntArray) -> None:
        """Every rank takes one rail, and a rail as many ranks as it has room; all of it in a full domain."""
        for rails in self.on:
            self.model.add_exactly_one(rails.values())
        for each in np.unique(domain).tolist():
            ranks = np.flatnonzero(domain == each).tolist()
            full = len(ranks) == room[each].sum()
            for rail in np.flatnonzero(room[each]).tolist():
                taken = sum(self.on[rank][rail] for rank in ranks)
                self.model.add(taken == room[each, rail] if full else taken <= room[each, rail])

    def _pair(self, place: int) -> None:
        """Two ranks are two parts where one is on a rail that the other is not on."""
        (one,), (other,) = self.groups[place].shares
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

    def floor(self) -> float:
        """The best bound that is proven within the limit; what changes now where no seats change less."""
        from ortools.sat.python import cp_model

        best, work = 0, 0.0
        while work < MOST_WORK:
            solver = _solver(MOST_WORK - work)
            outcome = solver.solve(self.model)
            if outcome == cp_model.INFEASIBLE:
                return self.changed
            best = max(best, ceil(solver.best_objective_bound - 0.5))
            work += solver.response_proto.deterministic_time
            if outcome != cp_model.OPTIMAL or not self._cut(solver):
                break
        return float(best * self.unit)

    def _cut(self, solver: cp_model.CpSolver) -> bool:
        """Hold groups to the parts that they fall into with the seats found, where these are more."""
        rail = [next(r for r, taken in rails.items() if solver.boolean_value(taken)) for rails in self.on]
        cut = False
        for place, group in enumerate(self.groups):
            parts = _parts(group.shares, rail)
            if len(parts) - 1 > solver.value(self.more[place]):
                self._part(place, parts)
                cut = True
        return cut


def _parts(shares: Sequence[Sequence[int]], rail: Sequence[int]) -> list[list[Sequence[int]]]:
    """Shares of a group, those together that common rails link, however many steps apart."""
    parts: list[list[Sequence[int]]] = []
    on: list[set[int]] = []
    for share in shares:
        part, rails = [share], {rail[rank] for rank in share}
        for place in reversed(range(len(parts))):
            if on[place] & rails:
                part += parts.pop(place)
                rails |= on.pop(place)
        parts.append(part)
        on.append(rails)
    return parts


def _whole(sizes: Sequence[tuple[float, int]]) -> tuple[list[int], Fraction]:
    """Payloads as whole numbers of a unit, rounded down where they would be too large; and the unit.

    Parameters
    ----------
    sizes
        Each group's payload and number of shares.
    """
    exact = [Fraction(payload) for payload, _ in sizes]
    scale = lcm(*(each.denominator for each in exact))
    whole = [int(each * scale) for each in exact]
    total = sum(each * shares for each, (_, shares) in zip(whole, sizes, strict=True))
    unit = max(gcd(*whole), total // LARGEST, 1)
    return [each // unit for each in whole], Fraction(unit, scale)


def _solver(work: float) -> cp_model.CpSolver:
    """A search that raises its bound from below, and repeats itself."""
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = work
    solver.parameters.optimize_with_core = True
    solver.parameters.core_minimization_level = 1
    solver.parameters.linearization_level = 0
    # With these two in the presolve of OR-Tools 9.15 a solution can be called optimal that is not.
    solver.parameters.keep_all_feasible_solutions_in_presolve = True
    solver.parameters.cp_model_probing_level = 0
    return solver
