"""The exact model of seats on rails: a few nodes' ranks are seated again, all others stay where they are.

A rank of a freed node takes one rail, a rail of a node no more ranks than it has GPUs there. A pair of
neighbours is lost unless both are on one rail. Of a collective the parts that it falls into beyond the
first are counted: with its shares put into blocks in any way, a rail joins at most the blocks that hold it,
and with the parts as blocks that is no estimate. At first every share is a block of its own, those that stay
joined beforehand; where the seats found break a group into more parts than were counted, these parts are
added as blocks and the search begins again.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from ortools.sat.python import cp_model

    from planner.solve.seats.rail_wishes import Pairs, Split, Wishes
    from planner.solve.setup.control import Control
    from planner.solve.setup.problem import Problem

    IntArray = NDArray[np.int32]
    BoolArray = NDArray[np.bool_]
    Share = list[int]

FINEST = 1 << 30


class Reseated(NamedTuple):
    """Seats found, and whether none in these nodes keep more bytes on their rail."""

    gpu_of_rank: IntArray
    proven: bool


def reseat(
    problem: Problem,
    wishes: Wishes,
    gpu_of_rank: IntArray,
    nodes: BoolArray,
    control: Control,
    limit_s: float,
) -> Reseated:
    """Seat the ranks of some nodes so that fewest bytes change rail, by a bound that rises to meet them.

    Parameters
    ----------
    nodes
        Which nodes are freed, shape (nodes,).
    limit_s
        Of the search.
    """
    model, best = _Model(problem, wishes, gpu_of_rank, nodes), gpu_of_rank
    ends_s = control.clock_s + limit_s
    while (left_s := ends_s - control.clock_s) > 0 and not control.over:
        search = control.search(model.model, left_s, from_below=True)
        cut = False
        if search.found:
            found = model.seats(search.solver)
            best, cut = min((best, found), key=wishes.changed), model.cut(search.solver, found)
        if not search.proven or not cut:
            return Reseated(best, search.proven)
    return Reseated(best, proven=False)


class _Group(NamedTuple):
    """Ranks of a collective, share by share, and how many parts beyond the first it falls into."""

    shares: list[Share]
    more: cp_model.IntVar


class _Model:
    """Rails of the ranks that are free, and what changes rail with them."""

    def __init__(self, problem: Problem, wishes: Wishes, gpu_of_rank: IntArray, nodes: BoolArray) -> None:
        from ortools.sat.python import cp_model

        self.model = cp_model.CpModel()
        self.gpu_of_rank = gpu_of_rank
        self.node, self.rail = problem.cluster.gpu_node, wishes.rail_of_gpu
        self.free = nodes[self.node[gpu_of_rank]]
        self.gpus = np.flatnonzero(problem.available & nodes[self.node])
        payloads = [each.payload for each in wishes.pairs] + [each.payload for each in wishes.split]
        self.unit = max(each.max(initial=0) for each in payloads) / FINEST
        self.surely = self.model.new_constant(1)
        self.now: dict[int, int] = {self.surely.index: 1}
        self.on: dict[int, dict[int, cp_model.IntVar]] = {}
        self.groups: list[_Group] = []
        self.changes: list[tuple[int, cp_model.IntVar]] = []
        self._take_rails()
        for pairs in wishes.pairs:
            self._lose_pairs(pairs)
        for split in wishes.split:
            self._part_groups(split)
        self.model.minimize(sum(worth * change for worth, change in self.changes))

    def _take_rails(self) -> None:
        """Every free rank takes one rail of its node, and a rail as many ranks as it has GPUs at most."""
        takers: dict[tuple[int, int], list[cp_model.IntVar]] = {}
        rooms: dict[int, dict[int, int]] = {}
        for gpu in self.gpus.tolist():
            rails = rooms.setdefault(int(self.node[gpu]), {})
            rails[int(self.rail[gpu])] = rails.get(int(self.rail[gpu]), 0) + 1
        for rank in np.flatnonzero(self.free).tolist():
            gpu = int(self.gpu_of_rank[rank])
            node, now = int(self.node[gpu]), int(self.rail[gpu])
            taken = self.on[rank] = {rail: self.model.new_bool_var("") for rail in sorted(rooms[node])}
            self.model.add_exactly_one(taken.values())
            for rail, variable in taken.items():
                takers.setdefault((node, rail), []).append(variable)
                self._begin(variable, rail == now)
        ranks = np.bincount(self.node[self.gpu_of_rank[self.free]])
        for (node, rail), variables in takers.items():
            # Said of a full node, that no GPU stays free makes the search many times as fast.
            full, room = ranks[node] == sum(rooms[node].values()), rooms[node][rail]
            self.model.add(sum(variables) == room if full else sum(variables) <= room)

    def _lose_pairs(self, pairs: Pairs) -> None:
        """A pair changes rail where one of its ranks is on a rail that the other is not on."""
        now = self.rail[self.gpu_of_rank]
        for at in np.flatnonzero(self.free[pairs.one] | self.free[pairs.other]).tolist():
            one, other = int(pairs.one[at]), int(pairs.other[at])
            ends = self._held([[one]]), self._held([[other]])
            lost = self.model.new_bool_var("")
            for here, there in (ends, ends[::-1]):
                for rail, held in here.items():
                    self.model.add_bool_or([lost, held.negated(), *([there[rail]] if rail in there else [])])
            self._charge(lost, now[one] != now[other], pairs.payload[at])

    def _part_groups(self, split: Split) -> None:
        """Groups with a free rank fall into parts, of which those that stay are joined beforehand."""
        freed = np.zeros(len(split.payload), np.bool_)
        freed[split.group[self.free[split.rank]]] = True
        members = np.flatnonzero(freed[split.group])
        shares: dict[int, Share] = {}
        for at in members[np.argsort(split.share[members], kind="stable")].tolist():
            shares.setdefault(int(split.share[at]), []).append(int(split.rank[at]))
        groups: dict[int, list[Share]] = {}
        for share, ranks in shares.items():
            groups.setdefault(int(split.share_group[share]), []).append(ranks)
        now = self.rail[self.gpu_of_rank]
        for group, held in groups.items():
            more = self.model.new_int_var(0, len(held) - 1, "")
            self._charge(more, len(_parts(held, now)) - 1, split.payload[group])
            self.groups.append(_Group(held, more))
            staying = _parts([share for share in held if not self.free[share].any()], now)
            self._part(more, staying + [[share] for share in held if self.free[share].any()])

    def _part(self, more: cp_model.IntVar, blocks: Sequence[Sequence[Share]]) -> None:
        """Hold a group to the parts that it falls into with these blocks of its shares."""
        holders: dict[int, list[cp_model.IntVar]] = {}
        for block in blocks:
            for rail, held in self._held(block).items():
                holders.setdefault(rail, []).append(held)
        joined = []
        for those in holders.values():
            if len(those) > 1:
                used = self.model.new_bool_var("")
                self._begin(used, max(self.now[each.index] for each in those))
                for each in those:
                    self.model.add_implication(each, used)
                joined += [*those, -used]
        self.model.add(more + sum(joined) >= len(blocks) - 1)

    def _held(self, block: Sequence[Share]) -> dict[int, cp_model.IntVar]:
        """Rails that a block may hold, each with a variable that is 1 only where it does."""
        found: dict[int, cp_model.IntVar] = {}
        several: dict[int, list[cp_model.IntVar]] = {}
        for rank in (rank for share in block for rank in share):
            if not self.free[rank]:
                found[int(self.rail[self.gpu_of_rank[rank]])] = self.surely
                continue
            for rail, variable in self.on[rank].items():
                several.setdefault(rail, []).append(variable)
        for rail, variables in several.items():
            if rail not in found:
                found[rail] = variables[0] if len(variables) == 1 else self._any(variables)
        return found

    def _any(self, variables: Sequence[cp_model.IntVar]) -> cp_model.IntVar:
        """1 only where one of the variables is."""
        held = self.model.new_bool_var("")
        self.model.add_bool_or([held.negated(), *variables])
        self._begin(held, max(self.now[each.index] for each in variables))
        return held

    def _charge(self, change: cp_model.IntVar, now: int, payload: float) -> None:
        """Count what a variable says changes rail."""
        self._begin(change, now)
        self.changes.append((max(1, round(payload / self.unit)), change))

    def _begin(self, variable: cp_model.IntVar, value: int) -> None:
        """Say what a variable is with the seats as they are."""
        self.now[variable.index] = int(value)
        self.model.add_hint(variable, int(value))

    def cut(self, solver: cp_model.CpSolver, gpu_of_rank: IntArray) -> bool:
        """Hold groups to the parts that they fall into with the seats found, where these are more."""
        rail, cut = self.rail[gpu_of_rank], False
        for group in self.groups:
            parts = _parts(group.shares, rail)
            if len(parts) - 1 > solver.value(group.more):
                self._part(group.more, parts)
                cut = True
        return cut

    def seats(self, solver: cp_model.CpSolver) -> IntArray:
        """A GPU on its rail for every rank; its own where that is on it."""
        seats = self.gpu_of_rank.copy()
        wanted = {
            rank: next(rail for rail, variable in rails.items() if solver.value(variable))
            for rank, rails in self.on.items()
        }
        moving = [rank for rank, rail in wanted.items() if self.rail[seats[rank]] != rail]
        taken = {int(seats[rank]) for rank in wanted.keys() - set(moving)}
        offered: dict[tuple[int, int], list[int]] = {}
        for gpu in self.gpus[::-1].tolist():
            if gpu not in taken:
                offered.setdefault((int(self.node[gpu]), int(self.rail[gpu])), []).append(gpu)
        for rank in moving:
            seats[rank] = offered[int(self.node[seats[rank]]), wanted[rank]].pop()
        return seats


def _parts(shares: Sequence[Share], rail: IntArray) -> list[list[Share]]:
    """Shares of a group, those together that common rails link, however many steps apart."""
    parts: list[tuple[set[int], list[Share]]] = []
    for share in shares:
        held = set(rail[share].tolist())
        met = [part for part in parts if part[0] & held]
        parts = [part for part in parts if not part[0] & held]
        joined = [share, *(each for _, inside in met for each in inside)]
        parts.append((reduce(or_, (rails for rails, _ in met), held), joined))
    return [inside for _, inside in parts]
