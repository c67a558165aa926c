"""The exact model of seats on rails: a few nodes' ranks are seated again, all others stay where they are.

A rank of a freed node takes one rail, a rail of a node no more ranks than it has GPUs there. What is
kept is a sum of links: a pair of neighbours is one where both are on one rail. Of a collective's shares
each but the first is linked at most once, with one before it that holds a rail that it holds too; no
chain of such links closes, so the links kept are never more than the parts that a group falls into
less. Shares that stay are joined beforehand, in as many parts as they fall into.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from ortools.sat.python import cp_model

    from planner.solve.seats.rail_wishes import Pairs, Split, Wishes
    from planner.solve.setup.control import Control
    from planner.solve.setup.problem import Problem

    IntArray = NDArray[np.int32]
    BoolArray = NDArray[np.bool_]

FINEST = 1 << 20


class Reseated(NamedTuple):
    """Seats found, and whether none in these nodes keep more, as far as the model sees."""

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
    """Seat the ranks of some nodes so that most bytes stay on their rail.

    Parameters
    ----------
    nodes
        Which nodes are freed, shape (nodes,).
    limit_s
        Of the search, which begins with the seats as they are.
    """
    model = _Model(problem, wishes, gpu_of_rank, nodes)
    search = control.search(model.model, limit_s)
    if not search.found:
        return Reseated(gpu_of_rank, proven=False)
    return Reseated(model.seats(search.solver), search.proven)


class _Model:
    """Rails of the ranks that are free, and the links that these keep."""

    def __init__(self, problem: Problem, wishes: Wishes, gpu_of_rank: IntArray, nodes: BoolArray) -> None:
        from ortools.sat.python import cp_model

        self.model = cp_model.CpModel()
        self.wishes, self.gpu_of_rank = wishes, gpu_of_rank
        self.node, self.rail = problem.cluster.gpu_node, wishes.rail_of_gpu
        self.free = nodes[self.node[gpu_of_rank]]
        self.gpus = np.flatnonzero(problem.available & nodes[self.node])
        payloads = [each.payload for each in wishes.pairs] + [each.payload for each in wishes.split]
        self.unit = max(each.max(initial=0) for each in payloads) / FINEST
        self.on: dict[int, dict[int, cp_model.IntVar]] = {}
        self.links: list[tuple[int, cp_model.IntVar]] = []
        self.now: dict[int, bool] = {}
        self._take_rails()
        for pairs in wishes.pairs:
            self._keep_pairs(pairs)
        for split in wishes.split:
            self._keep_groups(split)
        self.model.maximize(sum(worth * link for worth, link in self.links))

    def _take_rails(self) -> None:
        """Every free rank takes one rail of its node, and no rail is taken more often than it has GPUs."""
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
        for (node, rail), variables in takers.items():
            self.model.add(sum(variables) <= rooms[node][rail])

    def _keep_pairs(self, pairs: Pairs) -> None:
        """A pair keeps its rail where both of its ranks are on it."""
        for at in np.flatnonzero(self.free[pairs.one] | self.free[pairs.other]).tolist():
            ends = [self._rails((int(pairs.one[at]),)), self._rails((int(pairs.other[at]),))]
            links = self._common(ends[0], ends[1])
            if links:
                self._keep(links, pairs.payload[at])

    def _keep_groups(self, split: Split) -> None:
        """Every share of a group but the first is linked with one before it that has a rail of its own."""
        freed = np.zeros(len(split.payload), np.bool_)
        freed[split.group[self.free[split.rank]]] = True
        members = np.flatnonzero(freed[split.group])
        shares: dict[int, list[int]] = {}
        for at in members[np.argsort(split.share[members], kind="stable")].tolist():
            shares.setdefault(int(split.share[at]), []).append(int(split.rank[at]))
        groups: dict[int, list[list[int]]] = {}
        for share, ranks in shares.items():
            groups.setdefault(int(split.share_group[share]), []).append(ranks)
        for group, held in groups.items():
            self._link(self._parts(held), split.payload[group])

    def _parts(self, shares: Iterable[Sequence[int]]) -> list[dict[int, cp_model.IntVar | None]]:
        """Rails of every share that may change, and of every part of the others; None where surely held."""
        staying: list[set[int]] = []
        changing = []
        for ranks in shares:
            if self.free[ranks].any():
                changing.append(self._rails(ranks))
                continue
            rails = set(self.rail[self.gpu_of_rank[ranks]].tolist())
            met = [part for part in staying if part & rails]
            staying = [part for part in staying if not part & rails] + [reduce(or_, met, rails)]
        return [dict.fromkeys(sorted(part)) for part in staying] + changing

    def _link(self, parts: Sequence[dict[int, cp_model.IntVar | None]], payload: float) -> None:
        """Links of one group."""
        for place, part in enumerate(parts):
            links = [link for before in parts[:place] for link in self._common(before, part)]
            if links:
                self._keep(links, payload)

    def _rails(self, ranks: Sequence[int]) -> dict[int, cp_model.IntVar | None]:
        """Rails that a share may hold, each with a variable that is 1 only where it does."""
        found: dict[int, cp_model.IntVar | None] = {}
        several: dict[int, list[cp_model.IntVar]] = {}
        for rank in ranks:
            if not self.free[rank]:
                found[int(self.rail[self.gpu_of_rank[rank]])] = None
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
        self.model.add(sum(variables) >= held)
        self._begin(held, any(self.now[each.index] for each in variables))
        return held

    def _common(
        self, one: dict[int, cp_model.IntVar | None], other: dict[int, cp_model.IntVar | None]
    ) -> list[cp_model.IntVar]:
        """For each rail that both may hold a variable that is 1 only where both do."""
        links = []
        for rail in sorted(one.keys() & other.keys()):
            link = self.model.new_bool_var("")
            ends = [held for held in (one[rail], other[rail]) if held is not None]
            for held in ends:
                self.model.add_implication(link, held)
            self.now[link.index] = all(self.now[held.index] for held in ends)
            links.append(link)
        return links

    def _keep(self, links: Sequence[cp_model.IntVar], payload: float) -> None:
        """At most one of these is a link that counts."""
        self.model.add_at_most_one(links)
        begun = next((link for link in links if self.now[link.index]), None)
        for link in links:
            self._begin(link, link is begun)
            self.links.append((max(1, round(payload / self.unit)), link))

    def _begin(self, variable: cp_model.IntVar, value: bool) -> None:
        """Say what a variable is with the seats as they are."""
        self.now[variable.index] = value
        self.model.add_hint(variable, value)

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
