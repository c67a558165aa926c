"""The run: baseline, construction, bounds, proof, polish."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InfeasibleError, NoPlacementError
from planner.placement.crossing import measure, objective_bound, weighted_seconds
from planner.placement.orders import axis_orders, default_orders
from planner.placement.placement import Objective, Placement
from planner.solve.bound.busiest import busiest_bound
from planner.solve.bound.tier_bounds import SMALL_CELLS, tier_bounds
from planner.solve.bundled import construct_bundled
from planner.solve.construct import Constructions
from planner.solve.exact.exact import fits_exact_model, solve_exactly
from planner.solve.exact.exact_widths import least_widths, uncut_layout
from planner.solve.joint.joint_bound import Apart
from planner.solve.narrowed import construct_narrowed
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.reduction.tree import Tree
from planner.solve.seats.boxes import boxed_placements
from planner.solve.seats.rail_seats import keep_rails, time_for_rails
from planner.solve.seats.realize import seat_ranks
from planner.solve.seats.rings import join_cells
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.claims import MET, claimed
from planner.solve.setup.compiling import begin_compiling
from planner.solve.setup.control import Control
from planner.solve.setup.feasible import prove_infeasible, rules_hold
from planner.solve.setup.problem import Problem, lay_out
from planner.solve.setup.result import Progress, Result
from planner.solve.steps import Told, bound_together, placements
from planner.workload.fit import check_fit

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from numpy.typing import NDArray

    from planner.placement.crossing import Measure
    from planner.solve.exact.nested import Outside
    from planner.solve.setup.problem import Layout
    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

DEFAULT_TIME_LIMIT_S = 10.0
EXACT_WORK_S = 10.0
# Lists of vectors of more cells than this are left out where no clock ends them, and between steps.
LISTED_CELLS = 500
FIRST_ATTEMPT_S, LONGER, ATTEMPT_SHARE = 0.3, 2.0, 0.2
# Part of what is left that exact searches get where walks of several tiers may go on afterwards.
EXACT_SHARE, SMALL_EXACT_SHARE = 0.5, 0.85
PROVABLE_CELLS = 150
ANNEAL_SHARE = 0.3
LARGE_RANKS = 50_000
LARGE_GAP = 0.005
PERMUTED_RANKS = 50_000
BOUND_SHARE, ALONE_SHARE = 0.4, 0.05
ROUNDED = 1e-6


def solve(
    cluster: Cluster,
    workload: Workload,
    *,
    objective: Objective | str = Objective.WEIGHTED,
    time_limit_s: float | None = None,
    seed: int = 0,
    workers: int | None = None,
    deterministic: bool = False,
    stop: threading.Event | None = None,
    progress: Callable[[Progress], None] | None = None,
    allowed: BoolArray | None = None,
) -> Result:
    """Place a job on a cluster, with a proven bound on what any placement must cost.

    Parameters
    ----------
    cluster
        The hardware.
    workload
        The job.
    objective
        ``weighted`` (seconds of uplink time), ``cross_node`` (bytes over NICs first) or
        ``bottleneck`` (the busiest uplink first).
    time_limit_s
        Wall-clock limit; 10 s where not given, and jobs of more than 50,000 ranks then end at a gap of
        0.5 %. The run ends sooner when nothing is left to gain.
    seed
        Of the searches.
    workers
        Threads of a search; as many as there are cores where not given.
    deterministic
        Same input, seed and version give the same placement; searches are then limited by work.
    stop
        Set it, from a signal handler for instance, to end the run with the incumbent.
    progress
        Called with every improvement.
    allowed
        GPUs that may hold a rank if they are in service, shape (gpus,); all where not given. The
        bound is then one for placements on these.

    Raises
    ------
    InputError
        A rule names a tier that the cluster does not have.
    InfeasibleError
        It is proven that no placement obeys the rules, or a stage does not fit in memory; the error
        says which rule or stage, and by how much.
    NoPlacementError
        None was found within the limits, and none is proven not to exist.
    """
    control = Control(time_limit_s or DEFAULT_TIME_LIMIT_S, seed, workers, deterministic)
    limited = time_limit_s is not None
    if stop is not None:
        control.stop = stop
    check_fit(workload, cluster)
    usable = cluster.gpu_in_service if allowed is None else cluster.gpu_in_service & allowed
    if cluster.gpu_spare.any():
        kept_free = usable & ~cluster.gpu_spare
        try:
            return _placed(
                Problem(cluster, workload, Objective(objective), kept_free),
                control,
                progress,
                limited=limited,
            )
        except (InfeasibleError, NoPlacementError):
            # Spares are for this: the job does not fit without them. If it does not fit with them
            # either, the error that counts is the one about all GPUs.
            pass
    problem = Problem(cluster, workload, Objective(objective), usable)
    return _placed(problem, control, progress, limited=limited)


def _placed(
    problem: Problem, control: Control, progress: Callable[[Progress], None] | None, *, limited: bool
) -> Result:
    """Run one problem to its end; a large one that nobody set a limit ends when it is near the bound."""
    prove_infeasible(problem)
    large = problem.workload.mesh.world_size > LARGE_RANKS and not limited
    run = _Run(problem, control, progress, gap=LARGE_GAP if large else 0.0, limited=limited)
    run.work()
    return run.result()


@dataclass
class _Run:
    """The incumbent, the bounds, and the steps that improve them."""

    problem: Problem
    control: Control
    progress: Callable[[Progress], None] | None
    best: Measure | None = None
    tier_bounds: FloatArray = field(default_factory=lambda: np.zeros(0))
    bound: float = 0.0
    proven: bool = False
    complete: bool = False
    trace: list[Progress] = field(default_factory=list)
    gap: float = 0.0
    limited: bool = False
    begun: Constructions | None = None
    restricted: Constructions | None = None
    restricted_value: float = float("inf")
    built: Constructions | None = None
    attempts: int = 0
    attempted_s: float = 0.0
    attempted_from: Measure | None = None
    outside: dict[tuple[int, int], Outside] = field(default_factory=dict)
    apart: Apart = field(default_factory=Apart)

    def work(self) -> None:
        """All steps, each only where the one before has left something to gain."""
        self.tier_bounds = np.zeros(len(self.problem.cluster.tiers))
        for_rails = time_for_rails(self.problem)
        with self.control.step(1 - for_rails):
            self.sketch()
            self.try_default_orders()
            self.spread_out()
            self.bound_beside_walks()
            self.construct_restricted()
            self.construct()
            self.bound_busiest()
            self.prove()
            self.walk_on()
        if for_rails:
            self.seat_on_rails()

    @property
    def settled(self) -> bool:
        """Whether nothing is left to gain: the objective is optimal, and so is its tie-break."""
        if not self.met or self.best is None:
            return False
        if self.complete:
            return True
        tie = weighted_seconds(self.problem.cluster, self.tier_bounds.tolist())
        return self.problem.objective is Objective.WEIGHTED or self.best.weighted_s <= tie * (1 + MET)

    @property
    def met(self) -> bool:
        """Whether the incumbent is proven optimal."""
        return self.best is not None and (self.proven or self.value(self.best) <= self.bound * (1 + MET))

    @property
    def reached(self) -> float:
        """The incumbent's value, infinity where there is none."""
        return self.value(self.best) if self.best else float("inf")

    def value(self, measured: Measure) -> float:
        """The objective's value of a measured placement."""
        return measured.value(self.problem.objective)

    def offer(self, gpu_of_rank: IntArray, phase: str, *, preferred: bool = False) -> float:
        """Take a placement as incumbent where it obeys the rules and is better; returns what it costs.

        A preferred one is taken as well where it is only as good: it keeps its rails.
        """
        if not rules_hold(self.problem, gpu_of_rank):
            return float("inf")
        found = measure(self.problem.cluster, self.problem.workload, gpu_of_rank)
        better = self.best is None or self._rank(found) < self._rank(self.best)
        if better or (preferred and self.best is not None and self._rank(found) == self._rank(self.best)):
            self.best = found
        if better:
            self.report(phase)
        return self.value(found)

    def _offer_built(self, gpu_of_rank: IntArray) -> None:
        """Offer a placement that is made of width vectors, which keep its rails."""
        self.offer(gpu_of_rank, "construct", preferred=True)

    def _rank(self, measured: Measure) -> tuple[float, float, tuple[float, ...]]:
        """Order of placements: the objective, then J, then the bytes of outer tiers first."""
        return self.value(measured), measured.weighted_s, measured.tier_bytes[::-1]

    def report(self, phase: str) -> None:
        """Record and announce incumbent and bound."""
        bound = min(self.bound, self.reached)
        self.trace.append(Progress(self.control.elapsed_s, self.reached, bound, phase))
        if self.progress is not None:
            self.progress(self.trace[-1])

    def sketch(self) -> None:
        """What is quickly built of the largest cells that fit, before anything that takes long."""
        for blocks in candidate_blocks(self.problem.workload.mesh):
            layout = lay_out(self.problem, blocks)
            if layout is not None:
                self.begun = self._begin(layout)
                begin_compiling(self.begun.inner_loops, self.control)
                return

    def _begin(self, layout: Layout) -> Constructions:
        """Constructions of a layout, after those that are quick."""
        work = Constructions(self.problem, layout, self.control, self.apart)
        for gpu_of_rank in work.quick():
            self._offer_built(gpu_of_rank)
        return work

    def construct_restricted(self) -> None:
        """Build placements of cells in parts where no node has room for them, or in a part of the cluster."""
        offer = partial(self.offer, phase="construct", preferred=True)
        if self.begun is not None and not self.near:
            self.restricted = construct_bundled(self.begun, self._told, offer, self.reached)
        crowded = self.problem.objective is not Objective.BOTTLENECK
        if self.begun is not None and not self.near and self.restricted is None and crowded:
            self.restricted = construct_narrowed(self.begun, self._told, offer)
        self.restricted_value = self.reached if self.restricted else float("inf")

    def construct(self) -> None:
        """Build placements from width vectors, for the largest cells that fit first."""
        for blocks in candidate_blocks(self.problem.workload.mesh):
            if self.best is not None and (self.control.over or self.near):
                return
            work, self.begun = self.begun, None
            if work is None or work.layout.blocks != blocks:
                layout = lay_out(self.problem, blocks)
                if layout is None:
                    continue
                work = self._begin(layout)
            self._build(work)
            if self.best is not None and (work.layout.cells > SMALL_CELLS or self.near):
                return

    def _build(self, work: Constructions) -> None:
        """All constructions of one layout, until the incumbent is good enough or the time is spent."""
        share = ANNEAL_SHARE if work.layout.cells <= PROVABLE_CELLS else 1.0
        self.built = work
        for gpu_of_rank in placements(work, self.tier_bounds, self._told, share):
            self._offer_built(gpu_of_rank)
            if self.near or (self.best is not None and self.control.over):
                return

    @property
    def _told(self) -> Told:
        """Who constructions tell and ask."""
        return Told(self.learn, self.learn_all, lambda: self.near, self._offer_built, self.attempt)

    @property
    def near(self) -> bool:
        """Whether the incumbent is as good as the run was asked to make it."""
        if self.best is None:
            return False
        return self.settled or (self.gap > 0 and self.value(self.best) <= self.bound * (1 + self.gap))

    def attempt(self) -> bool:
        """Whether the run may end, after an exact search of moments; each from the same best is longer.

        One alone in runs limited by work, which would not see how long they take.
        """
        if self.near or not self.built or (self.attempts and self.control.deterministic):
            return self.near
        layout = uncut_layout(self.problem, self.built.layout.blocks)
        if layout is not None and layout.cells <= LISTED_CELLS and not self.control.over:
            limit_s = min(FIRST_ATTEMPT_S * LONGER**self.attempts, ATTEMPT_SHARE * self.control.left_s)
            # One that is no longer than the last would end where that did, unless more has been found since.
            if self.best is not self.attempted_from or limit_s > self.attempted_s:
                self.attempts, self.attempted_s, self.attempted_from = self.attempts + 1, limit_s, self.best
                self.prove_widths(layout, limit_s, listed_only=True)
        return self.near

    def learn(self, tier: int, bound_bytes: float) -> None:
        """Take a lower bound on a tier's crossing bytes."""
        if bound_bytes > self.tier_bounds[tier]:
            self.tier_bounds[tier] = bound_bytes
            self.bound = max(self.bound, self._implied_bound())
            self.report("construct")

    def _implied_bound(self) -> float:
        problem = self.problem
        return objective_bound(problem.cluster, problem.objective, self.tier_bounds)

    def learn_all(self, bound: float) -> None:
        """Take a lower bound on the objective."""
        if bound > self.bound:
            self.bound = bound
            self.report("construct")

    def bound_beside_walks(self) -> None:
        """Bound every tier while walks go on, unless the run ends as soon as it is near enough."""
        work = None if self.gap else self.begun
        share = ALONE_SHARE if self.bounded_by_cover else BOUND_SHARE
        with work.walking(self._offer_built) if work else nullcontext():
            with self.control.step(share):
                self.bound_tiers()
            if work is not None and work.bounded_at_once and not self.near:
                bound_together(work, self.tier_bounds, self._told)
        for gpu_of_rank in work.walked() if work else ():
            self._offer_built(gpu_of_rank)

    @property
    def bounded_by_cover(self) -> bool:
        """Whether the construction of a single tier bounds it as well, and better."""
        work = self.begun
        return work is not None and (work.covered or work.few) and work.every_placement_is_of(0)

    def bound_tiers(self) -> None:
        """Bound every tier, and the objective with them."""
        sharp = not self.bounded_by_cover
        self.tier_bounds = tier_bounds(self.problem, self.control, sharp=sharp, apart=self.apart)
        self.bound = max(self.bound, self._implied_bound())
        self.report("bound")

    def try_default_orders(self) -> None:
        """Offer every framework's default order, so that none of them is better.

        On smaller jobs every permutation of the axes as well: cells hold tensor groups first, which is
        not the best where other axes outweigh them.
        """
        job = self.problem.cluster, self.problem.workload, self.problem.available
        few = self.problem.workload.mesh.world_size <= PERMUTED_RANKS
        tried: set[bytes] = set()
        for order in chain(default_orders(*job), axis_orders(*job) if few else ()):
            if order.gpu_of_rank is None:
                continue
            # Many frameworks agree, and to measure a placement takes far longer than to digest it.
            digest = sha256(order.gpu_of_rank.tobytes()).digest()
            if digest not in tried:
                tried.add(digest)
                self.offer(order.gpu_of_rank, order.name)

    def spread_out(self) -> None:
        """Offer placements that keep the busiest uplink free, where that is what counts."""
        if self.problem.objective is not Objective.BOTTLENECK:
            return
        for gpu_of_rank in boxed_placements(self.problem):
            self.offer(gpu_of_rank, "boxes")
        self.bound_busiest()

    def bound_busiest(self) -> None:
        """Bound the time of the busiest uplink, where that is what counts."""
        if self.problem.objective is Objective.BOTTLENECK and self.best is not None and not self.met:
            self.learn_all(busiest_bound(self.problem, self.value(self.best)))

    def prove(self) -> None:
        """Prove a small job optimal: by its width vectors, else rank by rank."""
        for blocks in candidate_blocks(self.problem.workload.mesh):
            layout = uncut_layout(self.problem, blocks)
            if layout is None or (self.control.deterministic and layout.cells > LISTED_CELLS):
                continue
            if not self.near and not self.control.over:
                self.prove_widths(layout, self._exact_seconds)
        if not self.near and not self.control.over and fits_exact_model(self.problem):
            self.prove_ranks()

    def prove_widths(self, layout: Layout, limit_s: float, *, listed_only: bool = False) -> None:
        """Minimise over width vectors; a proof where they predict the bytes, a bound elsewhere."""
        costs = reduce_costs(self.problem.workload.families, layout.blocks)
        start, job = self._widths_of_best(layout), (self.problem, layout, costs)
        limits = self.tier_bounds, self.control, limit_s
        outside = self.outside.setdefault((layout.blocks.inner, layout.blocks.run), {})
        outcome = least_widths(
            *job, start, *limits, bound=self.bound, listed_only=listed_only, outside=outside
        )
        if outcome is None:
            return
        # The vectors of a ring that is not closed well may be closed better.
        widths = start if outcome.widths is None and costs.v_wrap else outcome.widths
        if widths is not None:
            home = join_cells(Tree.of(self.problem, layout), widths, costs, self.control)
            self.offer(seat_ranks(self.problem, layout, home), "exact widths", preferred=True)
        proven = self._trust(outcome.bound, proven=outcome.proven and costs.exact)
        self.complete |= proven and outcome.complete
        self.report("exact widths")

    def _trust(self, bound: float, *, proven: bool) -> bool:
        """Take over what an exact search found, and say whether it proves the incumbent optimal.

        A bound above what the incumbent reached shows that the search went wrong: it counts for
        nothing then. A proof counts only for a value that is the bound but for rounding of weights.
        """
        if self.best is None:
            return False
        value = self.value(self.best)
        near = ROUNDED * max(abs(value), abs(bound))
        if bound > value + near:
            self.report("exact search discarded")
            return False
        self.bound = max(self.bound, min(bound, value))
        reached = proven and value <= bound + near
        self.proven |= reached
        return reached

    def _widths_of_best(self, layout: Layout) -> IntArray | None:
        """Width vectors of the incumbent at the layout's cell tier, shape (domains, P)."""
        if self.best is None:
            return None
        first = layout.blocks.rank_table()[:, :, 0]
        home = self.problem.cluster.domain_of_gpu[layout.cell_tier][self.best.gpu_of_rank[first]]
        rows = [np.bincount(stage, minlength=len(layout.room)) for stage in home]
        return np.stack(rows, axis=1).astype(np.int32)

    @property
    def _exact_seconds(self) -> float:
        """Limit of one exact search: a part of what the run has left, or a fixed amount of work."""
        share = 1.0
        if self.limited and self.built is not None and self.built.free:
            share = SMALL_EXACT_SHARE if self.built.layout.cells <= PROVABLE_CELLS else EXACT_SHARE
        return EXACT_WORK_S if self.control.deterministic else share * self.control.left_s

    def walk_on(self) -> None:
        """Walk until the time is spent, where somebody said how much there is; of what is best so far."""
        leads = self.restricted is not None and self.reached >= self.restricted_value
        leading = self.restricted if leads else self.built
        if leading is None or not self.limited or self.near:
            return
        for gpu_of_rank in leading.restarts_until_over():
            self._offer_built(gpu_of_rank)

    def prove_ranks(self) -> None:
        """Prove a small job optimal, rank by rank."""
        start = self.best.gpu_of_rank if self.best else None
        exact = solve_exactly(self.problem, self.control, self._exact_seconds, start)
        if exact.gpu_of_rank is None and exact.proven:
            raise InfeasibleError.of(
                "S003",
                "no placement obeys all rules together; each of them could hold alone",
                expected=", ".join(
                    f"{axis} inside one {tier}" for axis, tier in self.problem.workload.keep.items()
                ),
                suggestion="drop one of the keep rules",
            )
        if exact.gpu_of_rank is not None:
            self.offer(exact.gpu_of_rank, "exact")
        self._trust(exact.bound, proven=exact.proven)
        self.report("exact")

    def seat_on_rails(self) -> None:
        """Change seats so that fewer bytes change rail; no tier and no rule notices."""
        if self.best is not None:
            seats = keep_rails(self.problem, self.best.gpu_of_rank, self.control)
            self.best = replace(self.best, gpu_of_rank=seats)

    def result(self) -> Result:
        """The placement with its claims."""
        if self.best is None:
            raise NoPlacementError.of(
                "S004",
                "no placement that obeys the rules was found, and none is proven not to exist",
                suggestion="a longer --time-limit, or fewer keep rules",
            )
        claims = claimed(self.problem, self.best, self.bound, self.tier_bounds, optimal=self.met)
        placement = Placement(self.problem.cluster, self.problem.workload, self.best.gpu_of_rank, claims)
        return Result(placement, tuple(self.trace), self.control.elapsed_s, self.control.stop.is_set())
