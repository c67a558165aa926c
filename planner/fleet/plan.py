"""Planning a fleet: sizes, parts, placements, and the bound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InfeasibleError, NoPlacementError
from planner.fleet.arrange import Arranger
from planner.fleet.bounds import JobBound, bound_job
from planner.fleet.claims import bounded, fleet_claims, recounted, settled, with_bound
from planner.fleet.deal import parts_of
from planner.fleet.divide import Divider, Partition
from planner.fleet.explain import require_possible
from planner.fleet.explore import Explorer
from planner.fleet.ground import Ground
from planner.fleet.joint import is_countable
from planner.fleet.placed import PlacedFleet, PlacedJob, table_digest
from planner.fleet.polish import Polisher
from planner.fleet.prices import estimate
from planner.fleet.receiving import with_received
from planner.fleet.sizing import size_jobs
from planner.placement.crossing import measure
from planner.placement.placement import Placement, Status
from planner.solve import solve
from planner.solve.setup.control import Control

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from planner.fleet.divide import Way
    from planner.fleet.fleet import Fleet, Job
    from planner.fleet.prices import Prices
    from planner.solve.setup.result import Progress
    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload

    BoolArray = NDArray[np.bool_]
    Report = Callable[[str, Progress], None]

MET = 1e-9
JOB_LIMIT_S = 10.0
# Of the time that is left, what the first placement may take where all jobs are then looked at together.
FIRST_SHARE = 0.4
# The same where domains may change places afterwards.
LARGE_SHARE = 0.9
# The same, of what is left then, for placing one that receives weights for that as well.
RECEIVING_SHARE = 0.4
LOOK_S = 2.0
PARTITION_SHARE = 0.2
# Fleets of which every part is placed in no time are given other parts as well.
SMALL_RANKS, OTHER_PARTS = 64, 12


def plan_fleet(
    cluster: Cluster,
    fleet: Fleet,
    *,
    time_limit_s: float | None = None,
    seed: int = 0,
    workers: int | None = None,
    deterministic: bool = False,
    stop: threading.Event | None = None,
    progress: Report | None = None,
) -> PlacedFleet:
    """Give each job of a fleet its part of the cluster, and place it there.

    Parameters
    ----------
    cluster, fleet
        The hardware and the jobs.
    time_limit_s
        Wall-clock limit; 10 s for each new job where not given.
    seed, workers, deterministic
        As of `planner.solve.solve`.
    stop
        Set it to end with the best so far.
    progress
        Called with the name of a job and every improvement of it.

    Raises
    ------
    InputError
        A workload cannot have the size that it got.
    InfeasibleError
        It is proven that the jobs do not fit; the error says which job or rule fails, and by how much.
    NoPlacementError
        No placement was found within the limits, and none is proven not to exist.
    """
    jobs = max(1, len(fleet.new_jobs))
    control = Control(time_limit_s or JOB_LIMIT_S * jobs, seed, workers, deterministic)
    if stop is not None:
        control.stop = stop
    return _Plan(Ground(cluster, fleet), control, progress, limited=time_limit_s is not None).run()


@dataclass
class _Plan:
    """One run: each step takes what the one before has found."""

    ground: Ground
    control: Control
    progress: Report | None
    limited: bool

    def run(self) -> PlacedFleet:
        """All steps, and small fleets again with other parts while that may be of use."""
        require_possible(self.ground)
        way, sizes = size_jobs(self.ground, self.control)
        workloads = {job: self.jobs[job].sizes.workload(size) for job, size in sizes.items()}
        bounds = {job: self.bound(job, workload) for job, workload in workloads.items()}
        best, bound_s = None, 0.0
        ranks = {job: workload.mesh.world_size for job, workload in workloads.items()}
        share = FIRST_SHARE if is_countable(self.ground, ranks) else LARGE_SHARE
        for partition in self.partitions(way, workloads, bounds):
            parts = parts_of(self.ground, partition)
            try:
                with self.control.step(share if best is None else 1.0):
                    found = self.placed(self.place(workloads, parts, bounds), bounds, sizes)
            except NoPlacementError:
                if best is None:
                    raise
                continue
            if best is None:
                found = self.receiving(found, workloads, parts, bounds, sizes)
                best, bound_s = self.explored(workloads, bounds, sizes, found)
            elif found.claims.value_s < best.claims.value_s:
                best = with_bound(found, bound_s)
            if best.claims.status is Status.OPTIMAL or self.control.over:
                break
        assert best is not None
        return self.polished(bounds, sizes, best, bound_s)

    def polished(
        self, bounds: Mapping[int, JobBound], sizes: Mapping[int, int], best: PlacedFleet, bound_s: float
    ) -> PlacedFleet:
        """The fleet after the changes and exchanges of places that make F smaller."""
        if best.claims.status is Status.OPTIMAL:
            return best

        def join(placements: Mapping[int, Placement]) -> PlacedFleet:
            cluster = self.ground.cluster
            told = {job: recounted(cluster, each, bounds[job]) for job, each in placements.items()}
            return with_bound(self.placed(told, bounds, sizes), bound_s)

        best = Arranger(self.ground, join, lambda: self.control.over, best).run()
        return Polisher(self.ground, self.control, join, best).run()

    def receiving(
        self,
        first: PlacedFleet,
        workloads: Mapping[int, Workload],
        parts: Mapping[int, BoolArray],
        bounds: Mapping[int, JobBound],
        sizes: Mapping[int, int],
    ) -> PlacedFleet:
        """The fleet with jobs that receive weights placed for that as well, where it is then better."""
        best = first
        for job, workload in workloads.items():
            wanted = with_received(self.ground.fleet, job, workload)
            if wanted is None or best.claims.status is Status.OPTIMAL or self.control.over:
                continue
            try:
                limit_s = RECEIVING_SHARE * self.control.left_s if self.limited else None
                found = self._place(job, wanted, parts[job], limit_s)
            except NoPlacementError:
                continue
            told = {each: best.jobs[each].placement for each in workloads}
            told[job] = recounted(self.ground.cluster, replace(found, workload=workload), bounds[job])
            joined = self.placed(told, bounds, sizes)
            best = min(best, joined, key=lambda each: each.claims.value_s)
        return best

    def explored(
        self,
        workloads: Mapping[int, Workload],
        bounds: Mapping[int, JobBound],
        sizes: Mapping[int, int],
        first: PlacedFleet,
    ) -> tuple[PlacedFleet, float]:
        """A small fleet looked at as a whole, with the bound on it; others as they are."""
        if first.claims.status is Status.OPTIMAL:
            return first, 0.0

        def join(placements: Mapping[int, Placement]) -> PlacedFleet:
            told = {
                job: replace(each, claims=bounded(each.claims, bounds[job]))
                for job, each in placements.items()
            }
            return self.placed(told, bounds, sizes)

        def place(job: int, part: BoolArray) -> Placement:
            limit_s = min(LOOK_S, self.control.left_s)
            return self._place(job, workloads[job], part, limit_s, tell=False)

        least = {job: bound.weighted_s for job, bound in bounds.items()}
        explorer = Explorer(self.ground, workloads, self.control, least, place, join, first)
        bound_s = explorer.run()
        return with_bound(explorer.best, bound_s), bound_s

    def partitions(
        self, way: Way, workloads: Mapping[int, Workload], bounds: Mapping[int, JobBound]
    ) -> Iterator[Partition]:
        """The cheapest partition by the estimate; of a small fleet also those of other estimates."""
        prices = self.prices(way, workloads, bounds)
        ranks = {job: workload.mesh.world_size for job, workload in workloads.items()}
        first = self.partition(way, ranks, prices)
        yield first
        rng, tried = np.random.default_rng(self.control.seed), {_key(first)}
        for _ in range(OTHER_PARTS if sum(ranks.values()) <= SMALL_RANKS else 0):
            other = Divider(self.ground, way, self.control, prices.shaken(rng)).divide(ranks)
            if isinstance(other, Partition) and _key(other) not in tried:
                tried.add(_key(other))
                yield other

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs of the fleet."""
        return self.ground.fleet.jobs

    def bound(self, job: int, workload: Workload) -> JobBound:
        """Bounds of one job wherever it may lie beside those that run."""
        with self.control.step(PARTITION_SHARE):
            return bound_job(self.ground.cluster, workload, self.ground.usable(job), self.control)

    def prices(self, way: Way, workloads: Mapping[int, Workload], bounds: Mapping[int, JobBound]) -> Prices:
        """What touching and sharing domains is estimated to cost, from the bounds."""
        crossing = {job: bound.tier_bytes for job, bound in bounds.items()}
        known = dict(workloads)
        for job, held in enumerate(self.jobs):
            if held.running is not None:
                found = measure(self.ground.cluster, held.running.workload, held.running.gpu_of_rank)
                crossing[job], known[job] = np.array(found.tier_bytes), held.running.workload
        return estimate(self.ground, known, crossing, way.cuts)

    def partition(self, way: Way, ranks: Mapping[int, int], prices: Prices) -> Partition:
        """The cheapest partition at these prices, or any where there was no time to find it."""
        with self.control.step(PARTITION_SHARE):
            best = Divider(self.ground, way, self.control, prices).divide(ranks)
        if not isinstance(best, Partition):
            # Sizes were settled by a search that found one, with more time.
            best = Divider(self.ground, way, self.control).divide(ranks)
        if not isinstance(best, Partition):
            raise NoPlacementError.of(
                "S004",
                "no partition of the cluster among the jobs was found in time",
                suggestion="a longer --time-limit",
            )
        return best

    def place(
        self,
        workloads: Mapping[int, Workload],
        parts: Mapping[int, BoolArray],
        bounds: Mapping[int, JobBound],
    ) -> dict[int, Placement]:
        """Each new job placed in its part; each in its share of the time that is left."""
        placements = {}
        for at, (job, workload) in enumerate(workloads.items()):
            limit_s = self.control.left_s / (len(workloads) - at) if self.limited else None
            found = self._place(job, workload, parts[job], limit_s)
            placements[job] = replace(found, claims=bounded(found.claims, bounds[job]))
        return placements

    def _place(
        self, job: int, workload: Workload, part: BoolArray, limit_s: float | None, *, tell: bool = True
    ) -> Placement:
        """One job placed in its part."""
        try:
            return solve(
                self.ground.cluster,
                workload,
                time_limit_s=limit_s,
                seed=self.control.seed,
                workers=self.control.workers,
                deterministic=self.control.deterministic,
                stop=self.control.stop,
                progress=self._report(job) if tell else None,
                allowed=part,
            ).placement
        except InfeasibleError as error:
            # Of another part that need not be so.
            raise NoPlacementError.of(
                "S004",
                f"{self.jobs[job].name} was given a part that it does not fit: {error.problems[0].message}",
                suggestion="fewer rules, or fewer jobs pinned to the same hardware",
            ) from error

    def _report(self, job: int) -> Callable[[Progress], None] | None:
        report, name = self.progress, self.jobs[job].name
        return None if report is None else lambda each: report(name, each)

    def placed(
        self,
        placements: Mapping[int, Placement],
        bounds: Mapping[int, JobBound],
        sizes: Mapping[int, int],
    ) -> PlacedFleet:
        """The fleet with its claims."""
        cluster, fleet = self.ground.cluster, self.ground.fleet
        placed = []
        for index, job in enumerate(self.jobs):
            if job.running is not None:
                stays = settled(cluster, job.running)
                before = table_digest(job.running)
                placed.append(PlacedJob(job.name, job.priority, stays, before, sizes=job.sizes.span))
                continue
            span = job.sizes.span
            size = span.told(job.sizes.dp(sizes[index]))
            placed.append(PlacedJob(job.name, job.priority, placements[index], size=size, sizes=span))
        least = {job: bound.weighted_s for job, bound in bounds.items()}
        claims = fleet_claims(self.ground, placed, least)
        return PlacedFleet(fleet.name, cluster, tuple(placed), fleet.rules, claims)


def _key(partition: Partition) -> bytes:
    """What tells one partition from another."""
    return b"".join(gpus.tobytes() for _, gpus in sorted(partition.gpus.items()))
