"""Replanning: from a placement and a changed cluster to a placement that moves as few ranks as can be."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InfeasibleError, NoPlacementError
from planner.placement.crossing import crossing_weights, measure
from planner.placement.placement import Placement, Status
from planner.repair.afresh import afresh
from planner.repair.certificate import claims_of
from planner.repair.drop import Drop, drop
from planner.repair.exact import Limit, best_within
from planner.repair.fill import fill
from planner.repair.improve import blocks_of, improvements
from planner.repair.limits import state_limit, too_few_moves
from planner.repair.memory import large_enough, moved_bytes
from planner.repair.resize import Resize, fewer_replicas, has_room, resized, room_made
from planner.repair.rules import levels_of
from planner.repair.stay import most_stay
from planner.repair.task import Task

if TYPE_CHECKING:
    import threading

    from numpy.typing import NDArray

    from planner.repair.rules import Level
    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

# Objectives are told apart from here on, as a share.
BETTER = 1e-9


@dataclass(frozen=True)
class Wishes:
    """What is asked of a repair beside the fewest moves.

    Parameters
    ----------
    dp
        Data-parallel degree to go on with, as before where None.
    shrink
        Whether fewer replicas will do where there is no room for so many.
    keep_batch
        Whether the global batch stays as it is when the number of replicas changes.
    max_moves
        Ranks that may move where that saves crossing bytes; the fewest there can be where None, unless
        `budget_bytes` says otherwise.
    budget_bytes
        Parameters and optimizer state that may move.
    try_afresh
        Whether more moves are also tried on a plan made afresh, which takes as long as to plan.
    """

    dp: int | None = None
    shrink: bool = True
    keep_batch: bool = False
    max_moves: int | None = None
    budget_bytes: float | None = None
    try_afresh: bool = True

    @property
    def more_moves(self) -> bool:
        """Whether more than the fewest ranks may move."""
        return self.max_moves is not None or self.budget_bytes is not None


@dataclass(frozen=True, eq=False)
class Repair:
    """A repaired placement with its proofs.

    Parameters
    ----------
    placement
        Where every rank is now.
    old_rank
        Rank in the old job of each rank's part, shape (world_size,); -1 for parts that are new.
    moved
        Ranks whose part is on another GPU than before, ascending.
    moved_lower_bound
        No placement that obeys the rules, with as many replicas, moves fewer.
    dp_before, dp_wanted
        Data-parallel degree before, and the one that was asked for: the same where nobody asked.
    failed_ranks
        Ranks of the old job whose GPU is out of service.
    spares_used
        GPUs marked as spares that were put to use.
    cheapest
        Whether it is proven that no placement within the limits on moves has a smaller objective.
    moved_bytes
        Parameters and optimizer state that move; None where the workload does not say, or nobody asked
        for more moves than there have to be.
    room_dp
        Data-parallel degree for which hardware that returned has made room; None where that is not more
        than before, or than the job has.
    seconds
        Wall-clock seconds spent.
    interrupted
        Whether the search for cheap places was cut short.
    """

    placement: Placement
    old_rank: IntArray
    moved: NDArray[np.int64]
    moved_lower_bound: int
    dp_before: int
    dp_wanted: int
    failed_ranks: int
    spares_used: int
    cheapest: bool
    moved_bytes: float | None
    room_dp: int | None
    seconds: float
    interrupted: bool = False

    @property
    def new_ranks(self) -> int:
        """Ranks that the job did not have before."""
        return int(np.count_nonzero(self.old_rank < 0))


def replan(
    placement: Placement,
    cluster: Cluster,
    wishes: Wishes | None = None,
    *,
    allowed: BoolArray | None = None,
    stop: threading.Event | None = None,
) -> Repair:
    """Let a job go on, on hardware that changed.

    Parameters
    ----------
    placement
        Where the job runs.
    cluster
        Its hardware in the new state, see `planner.repair.service.with_health`.
    wishes
        What else is asked; nothing where None.
    allowed
        GPUs that may hold a rank, shape (gpus,); all that are in service where None.
    stop
        Set from outside to be content with the places found so far.

    Raises
    ------
    InfeasibleError
        No replica can go on, or fewer than was asked for.
    """
    return Run(placement, cluster, wishes or Wishes(), stop, allowed).work()


@dataclass(frozen=True, eq=False)
class Start:
    """The placement with the fewest moves, and what it was found from.

    Parameters
    ----------
    task, levels, weights
        The job as it is to be, what rules bind, and the cost of a crossing byte.
    gpu_of_rank
        GPU of every rank, shape (world_size,).
    fewest
        No placement moves fewer ranks.
    """

    task: Task
    levels: tuple[Level, ...]
    weights: FloatArray
    gpu_of_rank: IntArray
    fewest: int


@dataclass
class Run:
    """One repair.

    Parameters
    ----------
    placement, cluster, wishes, stop, allowed
        As `replan` takes them.
    """

    placement: Placement
    cluster: Cluster
    wishes: Wishes
    stop: threading.Event | None
    allowed: BoolArray | None = None
    started: float = field(default_factory=time.monotonic)
    proven: bool = False

    def work(self) -> Repair:
        """All steps."""
        start = self.start()
        return self._repaired(start, self._cheaper(start))

    def start(self) -> Start:
        """The placement with the fewest moves."""
        workload, available, without_spares = self._job()
        weights = crossing_weights(self.cluster, self.placement.claims.objective)
        resize, least = self._resize(workload, available, weights)
        task = self._task(resize, available)
        if without_spares is not None:
            task = self._without_spares(task, without_spares)
        levels = levels_of(self.cluster, resize.workload)
        stay = most_stay(task, levels)
        gpu_of_rank = fill(task, stay, weights, self.over)
        fewest = int(np.count_nonzero(task.before >= 0)) - stay.most if least is None else least
        return Start(task, levels, weights, gpu_of_rank, fewest)

    def over(self) -> bool:
        """Whether to be content with what there is."""
        return self.stop is not None and self.stop.is_set()

    def _cheaper(self, start: Start) -> IntArray:
        """The least objective found within the limits on moves."""
        task, gpu_of_rank = start.task, start.gpu_of_rank
        limits = self._limits(task, gpu_of_rank, start.fewest)
        proven = best_within(task, limits, gpu_of_rank, self.stop)
        if proven is not None:
            found, is_best = proven
            # Ranks move to save something, not from one good place to another.
            if self._value(task, found) < self._value(task, gpu_of_rank) * (1 - BETTER):
                gpu_of_rank = found
            # Where replicas stop, the best with these is not the best with whichever.
            self.proven = is_best and task.ranks >= self.placement.workload.mesh.world_size
        elif self.wishes.more_moves:
            blocks = blocks_of(task, start.levels, start.weights)
            for cheaper in improvements(task, gpu_of_rank, blocks, start.weights, limits, self.over):
                gpu_of_rank = cheaper
            gpu_of_rank = self._or_afresh(task, limits, gpu_of_rank)
        return gpu_of_rank

    def _or_afresh(self, task: Task, limits: list[Limit], gpu_of_rank: IntArray) -> IntArray:
        """A plan made afresh, where it is better and the limits allow all its moves."""
        if self.over() or not self.wishes.try_afresh:
            return gpu_of_rank
        try:
            planned = afresh(task, self.stop)
        except NoPlacementError:
            # A solver that finds none in its time says nothing against the placement at hand.
            return gpu_of_rank
        moved = task.moved(planned)
        allowed = all(float(limit.costs[moved].sum()) <= limit.most for limit in limits)
        better = self._value(task, planned) < self._value(task, gpu_of_rank) * (1 - BETTER)
        return planned if allowed and better else gpu_of_rank

    @staticmethod
    def _value(task: Task, gpu_of_rank: IntArray) -> float:
        return measure(task.cluster, task.workload, gpu_of_rank).value(task.objective)

    def _limits(self, task: Task, gpu_of_rank: IntArray, fewest: int) -> list[Limit]:
        """What may move: the limits asked for, or as many ranks as have to."""
        moved = task.moved(gpu_of_rank)
        each = np.ones(task.ranks)
        if not self.wishes.more_moves:
            return [Limit(each, float(len(moved)))]
        limits = []
        if self.wishes.max_moves is not None:
            if self.wishes.max_moves < fewest:
                raise too_few_moves(self.wishes.max_moves, fewest)
            limits.append(Limit(each, float(min(max(self.wishes.max_moves, len(moved)), task.ranks))))
        if self.wishes.budget_bytes is not None:
            limits.append(state_limit(task, moved, fewest, self.wishes.budget_bytes))
        return limits

    def _job(self) -> tuple[Workload, BoolArray, BoolArray | None]:
        """The job to be, GPUs that may hold it, and those without spares where these are enough."""
        cluster, old = self.cluster, self.placement.workload
        usable = self._usable(cluster) & large_enough(cluster, old)
        held = np.zeros(cluster.gpus, np.bool_)
        held[self.placement.gpu_of_rank] = True
        kept_free = usable & (~cluster.gpu_spare | held)
        wanted = old if self.wishes.dp is None else self._asked(self.wishes.dp)
        if has_room(wanted, cluster, kept_free):
            return wanted, usable, None if (kept_free == usable).all() else kept_free
        if has_room(wanted, cluster, usable):
            return wanted, usable, None
        return self._shrunk(wanted, usable), usable, None

    def _usable(self, cluster: Cluster) -> BoolArray:
        """GPUs in service that are allowed, shape (gpus,)."""
        return cluster.gpu_in_service if self.allowed is None else cluster.gpu_in_service & self.allowed

    def _asked(self, dp: int) -> Workload:
        """The job with as many replicas as was asked for."""
        old = self.placement.workload
        unit = old.mesh.dp_unit
        if dp % unit:
            raise InfeasibleError.of(
                "S005",
                f"dp: {dp} breaks expert groups, which {unit} data-parallel ranks form together",
                expected=f"a multiple of {unit}",
                suggestion=f"--dp {max(1, dp // unit) * unit}",
            )
        return resized(old, dp, keep_batch=self.wishes.keep_batch)

    def _shrunk(self, wanted: Workload, usable: BoolArray) -> Workload:
        """The job with as many replicas as there is room for."""
        smaller = fewer_replicas(wanted, self.cluster, usable, keep_batch=self.wishes.keep_batch)
        mesh, gpus = wanted.mesh, int(np.count_nonzero(usable))
        message = (
            f"{wanted.name} cannot go on with dp {mesh.dp}: it has {mesh.world_size:,} ranks, and {gpus:,} "
            f"GPUs are in service{'' if self.allowed is None else ' and free for it'}"
        )
        if wanted.keep and gpus >= mesh.world_size:
            rules = ", ".join(f"{axis}: {tier}" for axis, tier in wanted.keep.items())
            message += f", too few of them in domains that hold whole groups (keep: {{{rules}}})"
        if smaller is None:
            raise InfeasibleError.of("S005", f"{message}; no replica can", expected="room for one replica")
        if not self.wishes.shrink:
            raise InfeasibleError.of(
                "S005",
                message,
                expected=f"at most dp {smaller.mesh.dp}",
                suggestion=f"--dp {smaller.mesh.dp}, or without --no-shrink",
            )
        return smaller

    def _resize(
        self, workload: Workload, available: BoolArray, weights: FloatArray
    ) -> tuple[Resize, int | None]:
        """Which replicas go on, and the fewest moves whichever do; None where all do."""
        old = self.placement.workload
        units, had = (each.mesh.dp // old.mesh.dp_unit for each in (workload, old))
        if units >= had:
            grown = np.concatenate((np.arange(had), np.full(units - had, -1))).astype(np.int32)
            return Resize(workload, grown), None
        task = Task(self.cluster, old, self.placement.claims.objective, available, self.placement.gpu_of_rank)
        levels, then = (levels_of(self.cluster, each) for each in (old, workload))
        chosen = drop(task, levels, then, units, weights)
        return Resize(workload, _renumbered(chosen, units)), chosen.least_moves

    def _task(self, resize: Resize, available: BoolArray) -> Task:
        old_rank = resize.old_rank(self.placement.workload.mesh)
        before = np.where(old_rank >= 0, self.placement.gpu_of_rank[old_rank], -1).astype(np.int32)
        self.old_rank = old_rank
        return Task(self.cluster, resize.workload, self.placement.claims.objective, available, before)

    def _without_spares(self, task: Task, kept_free: BoolArray) -> Task:
        """The task without spares, unless they save moves."""
        levels = levels_of(self.cluster, task.workload)
        frugal = replace(task, available=kept_free)
        return frugal if most_stay(frugal, levels).most >= most_stay(task, levels).most else task

    def _repaired(self, start: Start, gpu_of_rank: IntArray) -> Repair:
        """The placement with its claims, on a cluster whose spares in use are none any more."""
        task = start.task
        used = np.zeros(self.cluster.gpus, np.bool_)
        used[gpu_of_rank] = True
        in_use = self.cluster.gpu_spare & used
        cluster = self.cluster
        if in_use.any():
            cluster = replace(cluster, gpu_spare=cluster.gpu_spare & ~used)
        usable = self._usable(cluster) & ~cluster.gpu_spare
        settled = replace(task, cluster=cluster, available=usable)
        claims = claims_of(self.placement, settled, gpu_of_rank)
        moved = task.moved(gpu_of_rank)
        return Repair(
            placement=Placement(cluster, task.workload, gpu_of_rank, claims),
            old_rank=self.old_rank,
            moved=moved,
            moved_lower_bound=start.fewest,
            dp_before=self.placement.workload.mesh.dp,
            dp_wanted=self.wishes.dp or self.placement.workload.mesh.dp,
            failed_ranks=int(np.count_nonzero(~cluster.gpu_in_service[self.placement.gpu_of_rank])),
            spares_used=int(np.count_nonzero(in_use)),
            cheapest=self.proven or claims.status is Status.OPTIMAL,
            moved_bytes=moved_bytes(task.workload, moved) if self.wishes.more_moves else None,
            room_dp=room_made(self.placement.workload, self.placement.cluster, cluster, usable),
            seconds=time.monotonic() - self.started,
            interrupted=self.over(),
        )


def _renumbered(chosen: Drop, units: int) -> IntArray:
    """Old unit of each new one: those that can keep their number do, the others fill the gaps."""
    found = np.full(units, -1, np.int32)
    stays = chosen.units[chosen.units < units]
    found[stays] = stays
    found[found < 0] = chosen.units[chosen.units >= units]
    return found
