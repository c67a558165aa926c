"""Letting a fleet go on when hardware fails or returns: who moves, who gives way, who grows.

Jobs of which no GPU failed stay where they are. Those that were hit are repaired one by one, the highest
priority first, on what no other job holds (`planner.repair`): with the fewest moves and, among those, the
least objective of the job, or out of the others' way where that makes the fleet's objective less. Where
there is too little room, elastic jobs give replicas back, those of the lowest priority first and none of
a higher priority than the job that was hit; among equals that job itself. When hardware returns, jobs
grow again, the highest priority first.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InfeasibleError, InputError
from planner.fleet.bounds import bound_job_at_once
from planner.fleet.claims import bounded, fleet_claims, settled
from planner.fleet.fleet import Fleet, Job
from planner.fleet.flows import flow_bytes
from planner.fleet.ground import Ground
from planner.fleet.placed import FlowClaim, PlacedFleet, PlacedJob, SizeRange, table_digest
from planner.fleet.room import Room
from planner.fleet.sizes import Sizes
from planner.fleet.value import fleet_value
from planner.repair import Wishes, replan
from planner.repair.resize import fewer_replicas, has_room, resized

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from planner.placement.placement import Placement
    from planner.repair import Repair
    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload

    BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class JobRepair:
    """What became of one job.

    Parameters
    ----------
    name
        Its name.
    moved, moved_lower_bound
        Ranks that moved, and the fewest that can with the other jobs where they are then.
    failed_ranks
        Ranks that were on hardware out of service.
    dp_before, dp
        Its data-parallel degree before and after.
    gave_way_to
        The job for which it became smaller; None where there is none.
    """

    name: str
    moved: int
    moved_lower_bound: int
    failed_ranks: int
    dp_before: int
    dp: int
    gave_way_to: str | None = None

    @property
    def touched(self) -> bool:
        """Whether anything became of it."""
        return bool(self.moved or self.failed_ranks or self.dp != self.dp_before)


@dataclass(frozen=True, eq=False)
class FleetRepair:
    """A fleet that goes on.

    Parameters
    ----------
    placed
        Where all jobs are now; jobs that were not touched count as running.
    jobs
        What became of each, in the order of the fleet.
    """

    placed: PlacedFleet
    jobs: tuple[JobRepair, ...]


def replan_fleet(
    placed: PlacedFleet,
    cluster: Cluster,
    *,
    shrink: bool = True,
    stop: threading.Event | None = None,
) -> FleetRepair:
    """Let a fleet go on, on hardware that changed.

    Parameters
    ----------
    placed
        Where its jobs run.
    cluster
        Its hardware in the new state, see `planner.repair.with_health`.
    shrink
        Whether jobs may go on with fewer replicas than they are written with, where nobody gives way.
    stop
        Set from outside to be content with the places found so far.

    Raises
    ------
    InfeasibleError
        A job cannot go on; the error names it.
    """
    return _Run(placed, cluster, shrink, stop).work()


@dataclass
class _Run:
    """One repair of a fleet; `now` holds the placements as they are at the time."""

    placed: PlacedFleet
    cluster: Cluster
    shrink: bool
    stop: threading.Event | None
    moved: dict[int, tuple[int, int]] = field(default_factory=dict)
    gave_way_to: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.now = [job.placement for job in self.placed.jobs]
        self.room = Room(self.placed, self.cluster)

    def work(self) -> FleetRepair:
        """All steps."""
        for job in self._by_priority():
            if self._hit(job):
                self._go_on(job)
        if (self.cluster.gpu_in_service & ~self.placed.cluster.gpu_in_service).any():
            for job in self._by_priority():
                self._grow(job)
        return self._settled()

    def _by_priority(self) -> list[int]:
        jobs = self.placed.jobs
        return sorted(range(len(jobs)), key=lambda job: (-jobs[job].priority, job))

    def _hit(self, job: int) -> bool:
        return not self.cluster.gpu_in_service[self.now[job].gpu_of_rank].all()

    def _sizes(self, job: int) -> SizeRange:
        """The sizes that a job may have; one that says nothing of it has the one it has."""
        mesh = self.placed.jobs[job].placement.workload.mesh
        return self.placed.jobs[job].sizes or SizeRange("dp", mesh.dp, mesh.dp, mesh.dp_unit)

    def _go_on(self, job: int) -> None:
        """Repair a job that was hit, after others gave way where they have to."""
        before = list(self.now), dict(self.moved), dict(self.gave_way_to)
        if not self._fits(job):
            for donor in self._donors(job):
                self._give_way(donor, job)
                if self._fits(job):
                    break
            else:
                self.now, self.moved, self.gave_way_to = before
        self._repair(job, self._most(job))

    def _fits(self, job: int) -> bool:
        """Whether a job has room at the size it has."""
        return has_room(self.now[job].workload, self.cluster, self.room.of(job, self.now))

    def _donors(self, job: int) -> Iterator[int]:
        """Elastic jobs that give way to one, in the order in which they do; none after the job itself."""
        jobs = self.placed.jobs
        for donor in sorted(range(len(jobs)), key=lambda each: (jobs[each].priority, each != job, -each)):
            if jobs[donor].priority > jobs[job].priority or (donor == job and self._sizes(job).elastic):
                return
            if donor != job and self._sizes(donor).least_dp < self.now[donor].workload.mesh.dp:
                yield donor

    def _give_way(self, donor: int, job: int) -> None:
        """Let a job go on with as few replicas less as make room for another, or with its fewest."""
        whole, moved = self.now[donor], self.moved.get(donor, (0, 0))
        sizes = self._sizes(donor)
        most = (whole.workload.mesh.dp - sizes.least_dp) // sizes.step_dp

        def makes_room(steps: int) -> bool:
            self.now[donor], self.moved[donor] = whole, moved
            dp, own = whole.workload.mesh.dp - steps * sizes.step_dp, self.room.own(donor, self.now)
            if not self._possible(donor, dp) or not has_room(self._resized(donor, dp), self.cluster, own):
                return False
            self._replan(donor, dp, own)
            return self._fits(job)

        makes_room(least_that(makes_room, most) or most)
        if self.now[donor] is not whole:
            self.gave_way_to[donor] = self.placed.jobs[job].name

    def _most(self, job: int) -> int:
        """The largest size of a job, up to the one it has, for which there is room."""
        sizes, workload = self._sizes(job), self.now[job].workload
        if self._fits(job):
            return workload.mesh.dp
        least = sizes.least_dp if sizes.elastic else sizes.step_dp
        if self.shrink or sizes.elastic:
            room = self.room.of(job, self.now)
            found = fewer_replicas(workload, self.cluster, room, keep_batch=sizes.batch == "fixed")
            most = 0 if found is None else found.mesh.dp // sizes.step_dp * sizes.step_dp
            for dp in range(most, least - 1, -sizes.step_dp):
                if self._possible(job, dp):
                    return dp
        raise self._stuck(job, least if self.shrink or sizes.elastic else workload.mesh.dp)

    def _stuck(self, job: int, least: int) -> InfeasibleError:
        name, mesh = self.placed.jobs[job].name, self.now[job].workload.mesh
        room, ranks = int(self.room.of(job, self.now).sum()), mesh.world_size // mesh.dp * least
        return InfeasibleError.of(
            "S005",
            f"{name} cannot go on with dp {least}: its {ranks:,} ranks have no room in the {room:,} GPUs "
            "that no other job holds, and no job of its priority or a lower one can give way",
            expected="room for it beside the other jobs",
            suggestion="elastic jobs (dp: {min: ..., max: ...}), or jobs that end",
        )

    def _possible(self, job: int, dp: int) -> bool:
        try:
            self._resized(job, dp)
        except InputError:
            return False
        return True

    def _resized(self, job: int, dp: int) -> Workload:
        """The job with another number of replicas."""
        workload = self.now[job].workload
        return resized(workload, dp, keep_batch=self._sizes(job).batch == "fixed")

    def _repair(self, job: int, dp: int) -> None:
        self._replan(job, dp, self.room.of(job, self.now))

    def _replan(self, job: int, dp: int, available: BoolArray) -> None:
        """Move as few ranks of a job as can be onto the GPUs that it may use."""
        repair = self._repaired(job, dp, available)
        placements = [repair.placement]
        beside = self._apart(job, available)
        if beside is not None:
            try:
                other = self._repaired(job, dp, beside)
            except InfeasibleError:
                # Without the domains of others there is no room.
                other = repair
            if len(other.moved) <= len(repair.moved):
                placements.append(other.placement)
        # To value a fleet takes longer than to repair a job of it.
        choice = len(placements) > 1
        self.now[job] = (
            min(placements, key=lambda each: self._value_s(job, each)) if choice else repair.placement
        )
        moved, least = self.moved.get(job, (0, 0))
        self.moved[job] = moved + len(repair.moved), least + repair.moved_lower_bound

    def _repaired(self, job: int, dp: int, available: BoolArray) -> Repair:
        """A job by itself, with the fewest moves and the least objective among those."""
        wishes = Wishes(dp, shrink=False, keep_batch=self._sizes(job).batch == "fixed")
        try:
            return replan(self.now[job], self.cluster, wishes, allowed=available, stop=self.stop)
        except InfeasibleError as error:
            name = self.placed.jobs[job].name
            raise InfeasibleError(
                *(replace(each, message=f"{name}: {each.message}") for each in error.problems)
            ) from error

    def _apart(self, job: int, available: BoolArray) -> BoolArray | None:
        """Those of the GPUs that are in no domain with an uplink which others are in and the job is not.

        None where that are all of them.
        """
        found = available.copy()
        for tier, domain in zip(self.cluster.tiers, self.cluster.domain_of_gpu, strict=True):
            if tier.uplink_bytes_per_s is not None:
                of_others = np.zeros(tier.domains, np.bool_)
                for other, placement in enumerate(self.now):
                    if other != job:
                        of_others[domain[placement.gpu_of_rank]] = True
                of_others[domain[self.now[job].gpu_of_rank]] = False
                found &= ~of_others[domain]
        return found if (found != available).any() else None

    def _value_s(self, job: int, placement: Placement) -> float:
        """The fleet's objective with a job placed so and all others as they are now."""
        now = [placement if index == job else each for index, each in enumerate(self.now)]
        flows = [
            FlowClaim(flow, tuple(flow_bytes(flow, now[flow.source], now[flow.target])))
            for flow in (claim.flow for claim in self.placed.claims.flows)
        ]
        priorities = [each.priority for each in self.placed.jobs]
        return fleet_value(self.cluster, now, priorities, flows).total_s

    def _grow(self, job: int) -> None:
        """Give a job back what it lacks, as far as there is room."""
        sizes, dp = self._sizes(job), self.now[job].workload.mesh.dp
        if dp < sizes.most_dp:
            more = self._most_beyond(job, dp, sizes)
            if more > dp:
                self._repair(job, more)

    def _most_beyond(self, job: int, dp: int, sizes: SizeRange) -> int:
        """The largest size beyond `dp` that can be had, or `dp`."""
        room = self.room.of(job, self.now)
        steps = (sizes.most_dp - dp) // sizes.step_dp

        def too_large(more: int) -> bool:
            mesh = replace(self.now[job].workload.mesh, dp=dp + more * sizes.step_dp)
            return not has_room(replace(self.now[job].workload, mesh=mesh), self.cluster, room)

        first = least_that(too_large, steps)
        for more in range(steps if first is None else first - 1, 0, -1):
            if self._possible(job, dp + more * sizes.step_dp):
                return dp + more * sizes.step_dp
        return dp

    def _settled(self) -> FleetRepair:
        """The fleet with its claims, those that were not touched as running."""
        repairs = [self._of_job(job) for job in range(len(self.now))]
        held = np.zeros(self.cluster.gpus, np.bool_)
        for placement in self.now:
            held[placement.gpu_of_rank] = True
        cluster = replace(self.cluster, gpu_spare=self.cluster.gpu_spare & ~held)
        ground = Ground(cluster, self._fleet(repairs))
        jobs, least = [], {}
        for job, repair in enumerate(repairs):
            placement = settled(cluster, self.now[job])
            if repair.touched:
                bound = bound_job_at_once(cluster, placement.workload, ground.usable(job))
                placement = replace(placement, claims=bounded(placement.claims, bound))
                least[job] = bound.weighted_s
            jobs.append(self._placed(job, placement, touched=repair.touched))
        claims = fleet_claims(ground, jobs, least)
        rules = self.placed.rules
        return FleetRepair(PlacedFleet(self.placed.name, cluster, tuple(jobs), rules, claims), tuple(repairs))

    def _of_job(self, job: int) -> JobRepair:
        before = self.placed.jobs[job].placement
        moved, least = self.moved.get(job, (0, 0))
        failed = int(np.count_nonzero(~self.cluster.gpu_in_service[before.gpu_of_rank]))
        mesh = self.now[job].workload.mesh
        name, donor = self.placed.jobs[job].name, self.gave_way_to.get(job)
        return JobRepair(name, moved, least, failed, before.workload.mesh.dp, mesh.dp, donor)

    def _fleet(self, repairs: list[JobRepair]) -> Fleet:
        """The fleet as it is now, jobs that were not touched as running."""
        jobs = tuple(
            Job(
                placed.name,
                placed.priority,
                Sizes(placement.workload, "dp", [placement.workload.mesh.dp]),
                None if repair.touched else placement,
            )
            for placed, placement, repair in zip(self.placed.jobs, self.now, repairs, strict=True)
        )
        flows = tuple(claim.flow for claim in self.placed.claims.flows)
        return Fleet(self.placed.name, jobs, self.placed.rules, flows)

    def _placed(self, job: int, placement: Placement, *, touched: bool) -> PlacedJob:
        before, sizes = self.placed.jobs[job], self._sizes(job)
        stays = None if touched else table_digest(before.placement)
        size = sizes.told(placement.workload.mesh.dp)
        return PlacedJob(before.name, before.priority, placement, stays, size, before.sizes)


def least_that(holds: Callable[[int], bool], most: int) -> int | None:
    """The least number from 1 to `most` for which something holds that holds from there on; None for none."""
    high = 1
    while high < most and not holds(high):
        high *= 2
    high = min(high, most)
    if most < 1 or not holds(high):
        return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
