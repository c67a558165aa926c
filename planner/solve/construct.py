"""The best width vectors of one layout so far, and ways to better them."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.placement import Objective
from planner.solve.bound.rounding import CANCELLED, ROUNDING
from planner.solve.columns.master import CapacityClass
from planner.solve.columns.packing import packable
from planner.solve.columns.shares import fits_shares, share_out_stages
from planner.solve.exact.nested import whole_weights
from planner.solve.joint.guide import Guide
from planner.solve.joint.joint_bound import Apart, joint_bound
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.reduction.tree import Tree, tree_cost
from planner.solve.seats.realize import is_joined, seat_ranks, widths_of
from planner.solve.seats.ring_loops import RINGS
from planner.solve.seats.ring_walk import QUICK_CELLS, quickly_walked, walked_rings, walks_on_rings
from planner.solve.seats.rings import join_cells
from planner.solve.seats.stripes import lined_up, striped_home
from planner.solve.setup.problem import whole_by_rule
from planner.solve.splits.few_domains import SPLITS, are_few
from planner.solve.walks.anneal import annealed, worth_annealing
from planner.solve.walks.beside import Beside
from planner.solve.walks.loops import PAIRS, WALKS
from planner.solve.walks.paired import roughly_drafted
from planner.solve.walks.pairs import PATIENCE, Pairs, shares_pairs
from planner.solve.walks.regroup import PAIRED_CELLS
from planner.solve.walks.restarts import Restarts, drafted, is_paired, is_rough

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from planner.solve.setup.compiling import InnerLoops
    from planner.solve.setup.control import Control
    from planner.solve.setup.problem import Layout, Problem

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

RINGS_LEADS = 0.7
LEADS_SHARE = 0.2
# Of a single tier with so much room in a domain packing gets a part of the time: walks find more.
PACKED_SHARE, LARGE_ROOM = 0.5, 24
# With so much room packing begins where walks ended.
WIDE_ROOM = 19
# Where there are walks, covering tier by tier is slow beyond this, and no better.
COVERED_CELLS = 400
# Of more, to cover all tiers takes longer than to compile walks.
COLD_CELLS = 3_000
# A single tier of at most so many domains is gone through split by split, where the largest has so much room:
# below, packing takes less time.
MOST_SPLIT, SPLIT_ROOM = 64, 9
# Jobs of one tier of no more are placed and proven in less time than it takes to load compiled code.
SOON_PROVEN_CELLS = 150

# Of quick pairs the part of the time, and turns for each domain without a gain after which they end.
QUICK_SHARE, QUICK_TURNS = 0.02, 100
UNITS_OFF, MOST_UNITS = 1e-6, 2.0**40


class Constructions:
    """The best width vectors so far, and ways to better ones."""

    def __init__(
        self, problem: Problem, layout: Layout, control: Control, apart: Apart | None = None
    ) -> None:
        self.problem, self.layout, self.control, self.apart = problem, layout, control, apart or Apart()
        self.costs = reduce_costs(problem.workload.families, layout.blocks)
        self.tree = Tree.of(problem, layout)
        self.several = len(self.tree.levels) > 2
        self.rules = _rules_on_cells(problem)
        self.free = self.several and not self.rules
        self.pairs = Pairs(self.costs, self.tree.levels[0], control)
        self.seeds = count(control.seed)
        guide = Guide(self.tree, self.costs)
        self.rounds = Restarts(self.tree, self.costs, control, self.seeds, guide)
        self.beside = Beside(self.tree, self.costs, control, guide)
        self.was_bounded_together = False
        self._found: list[IntArray] = []

    def quick(self) -> Iterator[IntArray]:
        """GPU of every rank, shape (world_size,), for placements that take moments.

        Where f predicts the bytes only what it predicts to be better is realised; where it bounds them, all.
        """
        home = striped_home(self.tree, self.costs)
        yield self._striped(home)
        if self.rules:
            self.least = np.inf
        elif self.several:
            yield from self.better(iter([self._rough()]))
        elif self.rings_at_once:
            closed = quickly_walked(self.tree, self.costs, home, self.control)
            yield seat_ranks(self.problem, self.layout, closed)
        elif self.pairs_at_once and self.alone and not self.soon_proven:
            yield from self.better(self.quickly_paired())

    def _rough(self) -> IntArray:
        """Width vectors of the innermost domains, shape (domains, P), by pairs where these begin at once."""
        paired = self.pairs_at_once and worth_annealing(self.tree, self.costs)
        if not paired or not is_rough(self.tree, self.costs, self.control):
            return lined_up(self.tree, self.costs)
        self.beside.rough = False
        return roughly_drafted(self.tree, self.costs, next(self.seeds), self.control)

    def _striped(self, home: IntArray) -> IntArray:
        """The placement in stripes, the first of all, from the domain of every cell in it, shape (P, N)."""
        self.best = widths_of(home, len(self.layout.room))
        self.least = tree_cost(self.tree, self.costs, self.best)
        straight = not self.costs.v_wrap and not self.costs.rungs.any()
        if self.costs.exact and not (straight and is_joined(self.tree, home, self.best)):
            return self.seated(self.best)
        return seat_ranks(self.problem, self.layout, home)

    def seated(self, widths: IntArray) -> IntArray:
        """GPU of every rank for width vectors of the innermost domains."""
        return seat_ranks(self.problem, self.layout, join_cells(self.tree, widths, self.costs, self.control))

    def better(self, found: Iterator[IntArray]) -> Iterator[IntArray]:
        """Placements of the width vectors that are better than the best, which they become."""
        for widths in found:
            cost = tree_cost(self.tree, self.costs, widths)
            if cost < self.least or not self.costs.exact:
                yield self.seated(widths)
            if cost < self.least:
                self.best, self.least = widths, cost

    @property
    def soon_proven(self) -> bool:
        """Whether an exact search takes less time than it takes to load compiled code."""
        return self.layout.cells <= SOON_PROVEN_CELLS

    @property
    def few(self) -> bool:
        """Whether a single tier of few domains is worth a look split by split, for which code is compiled."""
        single = not self.several and not self.rules and not self.soon_proven
        large = self.most_room >= SPLIT_ROOM
        return single and large and are_few(self.costs, self.tree.levels[0].room, MOST_SPLIT)

    @property
    def inner_loops(self) -> Iterator[InnerLoops]:
        """Compiled inner loops that are likely to be asked for first."""
        if self.several:
            if self.free and worth_annealing(self.tree, self.costs):
                # Large jobs are drafted by pairs alone.
                yield from (PAIRS,) if self.layout.cells >= PAIRED_CELLS else (WALKS, PAIRS)
        elif self.alone and not self.soon_proven:
            yield PAIRS
        if self.few:
            yield SPLITS

    @property
    def lacks_walks(self) -> bool:
        """Whether inner loops of walks are still to be compiled, and a cover of all tiers would be quick."""
        few = self.layout.cells <= COLD_CELLS and not self.control.deterministic
        walked = self.free and few and worth_annealing(self.tree, self.costs)
        return walked and (PAIRS.lacking or WALKS.lacking)

    @property
    def lacks_alone(self) -> bool:
        """Whether inner loops for a single tier are still to be compiled."""
        compiled = self.soon_proven or self.control.deterministic
        return not compiled and (PAIRS.lacking or (self.few and SPLITS.lacking))

    @property
    def pairs_at_once(self) -> bool:
        """Whether pairs of domains can begin at once, so that nobody waits long for something good."""
        return PAIRS.called and not self.control.deterministic

    @property
    def rings_at_once(self) -> bool:
        """Whether walks over the cells of rings can begin at once and take moments."""
        few = self.layout.cells <= QUICK_CELLS
        return self.rings and few and RINGS.called and not self.control.deterministic

    @property
    def rings(self) -> bool:
        """Whether walks look for widths that close as rings."""
        return not self.rules and walks_on_rings(self.tree, self.costs)

    @property
    def share_of_leads(self) -> float:
        """Part of the time that is left which constructions of one tier after the other may take."""
        if self.several:
            return LEADS_SHARE
        if self.rings:
            return RINGS_LEADS
        return PACKED_SHARE if self.alone and self.most_room >= LARGE_ROOM else 1.0

    def closed(self) -> Iterator[IntArray]:
        """GPU of every rank, shape (world_size,), from walks over the cells of rings, where there are any."""
        if not self.rings:
            return
        home = join_cells(self.tree, self.best, self.costs, self.control)
        for better in walked_rings(self.tree, self.costs, home, self.control):
            yield seat_ranks(self.problem, self.layout, better)

    def walks(self) -> Iterator[IntArray]:
        """Walks from the best."""
        if worth_annealing(self.tree, self.costs):
            yield from annealed(self.tree, self.costs, self.best, self.control, self.seeds)

    @property
    def alone(self) -> bool:
        """Whether there is one tier, and pairs of its domains may share out what they hold."""
        return not self.several and not self.rules and shares_pairs(self.costs, self.tree.levels[0].room)

    @property
    def covered(self) -> bool:
        """Whether there is one tier, and a choice of segments covers and bounds it."""
        return not self.several and packable(self.costs, self.classes(0))

    @property
    def most_room(self) -> int:
        """Cells that the largest domain has room for."""
        return int(self.tree.levels[0].room.max())

    @property
    def wide(self) -> bool:
        """Whether domains of a single tier have so much room that pairs of them share out before packing."""
        return self.alone and self.most_room >= WIDE_ROOM

    @property
    def start(self) -> IntArray | None:
        """Width vectors that the cover of a single tier begins with."""
        return self.best if self.alone and not self.soon_proven and self.costs.exact else None

    def paired(self, patience: int = PATIENCE) -> Iterator[IntArray]:
        """Walks in which pairs of domains share out what they hold."""
        yield from self.pairs.better(self.best, patience)

    def quickly_paired(self) -> Iterator[IntArray]:
        """The first moment of such walks."""
        yield from self.control.limited(QUICK_SHARE, self.paired(QUICK_TURNS))

    @property
    def walked_only(self) -> bool:
        """Whether there are walks, and too many cells for tiers to be covered one after the other."""
        return self.free and self.layout.cells > COVERED_CELLS and worth_annealing(self.tree, self.costs)

    @contextmanager
    def walking(self, offer: Callable[[IntArray], object]) -> Iterator[None]:
        """Walk from the best in a thread of its own until the block ends, where widths predict bytes.

        What is found on the way is offered as the GPU of every rank, shape (world_size,), in that thread.
        """
        if not (self.free and self.costs.exact):
            yield
            return
        with self.beside.walking(self.best, lambda widths: self._offered(widths, offer)) as self._found:
            yield

    def _offered(self, widths: IntArray, offer: Callable[[IntArray], object]) -> None:
        """Offer width vectors that are better than the best, which stays what it is."""
        if tree_cost(self.tree, self.costs, widths) < self.least:
            offer(self.seated(widths))

    def walked(self) -> Iterator[IntArray]:
        """GPU of every rank, shape (world_size,), for the last that was found while walking, if better."""
        yield from self.better(iter(self._found[-1:]))
        self._found = []

    def draft(self) -> Iterator[IntArray]:
        """One short walk from the outermost tier inwards, unless there was one."""
        if not self.beside.drafted:
            yield from drafted(self.tree, self.costs, self.control, self.seeds)

    def restarts(self) -> Iterator[IntArray]:
        """Walks from the outermost tier inwards."""
        yield from self.rounds.better(self.best)

    def restarts_until_over(self) -> Iterator[IntArray]:
        """GPU of every rank, shape (world_size,), from such walks until the time is over."""
        if self.free and not self.control.deterministic:
            yield from self.better(self.rounds.better(self.best, endless=True))

    def known(self, floors: FloatArray) -> list[float]:
        """Lower bound on the weighted bytes of every level but the root, constants left out."""
        return [
            level.weight * (float(floors[level.tier]) - self.costs.constant)
            for level in self.tree.levels[:-1]
        ]

    @property
    def bounded_together(self) -> bool:
        """Whether a bound on all tiers' weighted bytes is one on the objective of every placement."""
        uplinks = self.problem.cluster.tier_uplink_bytes_per_s[:-1]
        weighted = self.problem.objective is Objective.WEIGHTED and all(uplinks)
        return weighted and all(map(self.every_placement_is_of, range(len(self.tree.levels) - 1)))

    @property
    def bounded_at_once(self) -> bool:
        """Whether all tiers are bounded together as soon as each is bounded: nothing is proven in between.

        Of large jobs, whose draft takes longer than bounds of single tiers and should not be cut off by them.
        """
        return self.free and self.bounded_together and is_paired(self.tree, self.costs, self.control)

    def bound(self, floors: FloatArray) -> float:
        """Lower bound on the weighted bytes of all levels together.

        Less what floating point may have added, and rounded up where those are multiples of some unit.
        """
        constants = sum(level.weight for level in self.tree.levels[:-1]) * self.costs.constant
        least = joint_bound(self.tree, self.costs, self.known(floors), self.control, self.apart) + constants
        safe = least * (1 - ROUNDING) - CANCELLED * abs(constants)
        _, seconds_per_byte = whole_weights([level.weight for level in self.tree.levels])
        unit = seconds_per_byte * self.costs.granule_bytes
        return float(np.ceil(safe / unit - UNITS_OFF)) * unit if unit and safe < unit * MOST_UNITS else safe

    def bound_apart(self, index: int) -> float:
        """Lower bound on the sum of f of a level, where that was found on the way to the bound of all."""
        return self.apart.bound(self.costs, self.tree.levels[index])

    def shared_out(self, index: int) -> float:
        """Lower bound on the sum of f of a level of small domains, by sharing out every stage."""
        coverage, classes = np.full(self.costs.stages, self.costs.replicas, np.int32), self.classes(index)
        if not packable(self.costs, classes) or not fits_shares(classes, coverage):
            return -np.inf
        found = share_out_stages(self.costs, classes, coverage, self.control, self.control.left_s)
        return -np.inf if found is None else found.bound

    def classes(self, index: int) -> list[CapacityClass]:
        """The domains of a level that have room, by how much they have."""
        room = self.tree.levels[index].room
        counted = zip(*np.unique(room[room > 0], return_counts=True), strict=True)
        return [CapacityClass(int(each), int(count)) for each, count in counted]

    def every_placement_is_of(self, index: int) -> bool:
        """Whether every placement keeps the cells whole and in the rooms that a level has for them."""
        level = self.tree.levels[index]
        if self.layout.bundles is not None:
            return False
        if self.layout.blocks.cell_ranks == 1:
            return bool(np.array_equal(self.problem.ranks_that_fit[level.tier], level.room))
        whole = whole_by_rule(self.problem, self.layout.blocks, level.tier)
        return whole is not None and bool(np.array_equal(whole, level.room))


def _rules_on_cells(problem: Problem) -> dict[str, int]:
    """Tiers that whole replicas and whole stages must keep to."""
    mesh, cluster = problem.workload.mesh, problem.cluster
    return {
        axis: cluster.tier_index(tier)
        for axis, tier in problem.workload.keep.items()
        if axis in ("pp", "dp", "edp") and mesh.degree(axis) > 1
    }
