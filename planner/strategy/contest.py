"""A placed job's strategy beside other software's, each on the same cluster, by the same model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.flops import FlopCount, step_flops
from planner.cost.network import Network
from planner.cost.parts import parts
from planner.cost.simulate import slowest_gpu
from planner.cost.step import Step
from planner.errors import UsageError
from planner.placement.crossing import measure
from planner.placement.orders import NotApplicableError
from planner.placement.pool import available_gpus
from planner.solve import solve
from planner.strategy.defaults import batch_notes, defaults, fullest
from planner.strategy.jax_mesh import CLOSEST, ORDERS, jax_meshes
from planner.strategy.measure import step_of
from planner.strategy.ours import as_workload, fastest
from planner.strategy.outline import Outline
from planner.strategy.remedy import remedy
from planner.workload.load import job_of
from planner.workload.payloads import families
from planner.workload.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from planner.placement.placement import Placement
    from planner.strategy.defaults import Default, Rule
    from planner.topology.cluster import Cluster
    from planner.topology.presets import Gpu
    from planner.workload.job import Job

    IntArray = NDArray[np.int32]

PLANNER = "planner"
SEARCHED = "planner-search"
# A pipeline of so many passes is run in part, see `planner.cost.step.Step.time`.
MOST_PASSES = 500_000
# Of the strategies that are fastest in outline so many at the most, fastest in rank order, are placed.
PLACED = 3


@dataclass(frozen=True, eq=False)
class Contender:
    """A strategy on a cluster.

    Parameters
    ----------
    name
        ``planner``, or whose strategy it is.
    gpu
        The slowest model of GPU in use.
    step_s
        A step.
    parts_s
        What it goes to, see `planner.cost.parts`.
    memory_bytes
        What the fullest GPU holds.
    tier_bytes
        Crossing bytes of every tier, innermost first.
    notes
        What is not as asked for, and what makes it fit where it does not.
    """

    name: str
    job: Job
    gpu: Gpu
    step_s: float
    parts_s: Mapping[str, float]
    memory_bytes: float
    tier_bytes: tuple[float, ...]
    notes: tuple[str, ...] = ()

    @property
    def tokens_per_s(self) -> float:
        """Tokens that all GPUs train on in a second."""
        return self.job.global_batch * self.job.sequence / self.step_s

    @property
    def seconds_a_token(self) -> float:
        """A step over its tokens."""
        return 1 / self.tokens_per_s

    @property
    def excess_bytes(self) -> float:
        """Bytes that the fullest GPU lacks; 0 where the job fits."""
        limit = self.gpu.memory_bytes
        return max(0.0, self.memory_bytes - limit) if limit else 0.0

    def mfu(self, gpus: int, count: FlopCount) -> float:
        """Operations by a count, over the peak in the job's precision of as many GPUs."""
        peak = self.gpu.flops(self.job.precision.value) or self.gpu.flops("bf16")
        return step_flops(self.job, count) / self.step_s / gpus / peak if peak else float("nan")


@dataclass(frozen=True)
class Contest:
    """Strategies side by side, the planner's first.

    Parameters
    ----------
    gpus
        GPUs that each may use.
    tiers
        Names of the tiers, innermost first.
    absent
        Those that cannot run at all, and why.
    """

    gpus: int
    tiers: tuple[str, ...]
    contenders: tuple[Contender, ...]
    absent: tuple[tuple[str, str], ...] = ()

    @property
    def reference(self) -> Contender:
        """The faster of the placement's own strategy and the one that was searched for, if any."""
        ours = (each for each in self.contenders if each.name in (PLANNER, SEARCHED))
        return min(ours, key=lambda each: each.seconds_a_token)

    def ratio(self, contender: Contender) -> float:
        """How many times as long a contender takes for the same tokens as the reference."""
        return contender.seconds_a_token / self.reference.seconds_a_token

    def more_s(self, contender: Contender) -> dict[str, float]:
        """What a contender takes more than the reference for the tokens of its step, by part."""
        reference = self.reference
        scale = contender.seconds_a_token / reference.seconds_a_token * reference.step_s / contender.step_s
        own = reference.parts_s
        return {name: seconds * scale - own[name] for name, seconds in contender.parts_s.items()}


def contest(
    placement: Placement, *, searched: bool = False, tell: Callable[[str], None] | None = None
) -> Contest:
    """The placement's strategy beside what other software would run.

    Every one has the same model, precision, tokens of a step and GPUs, as far as they divide; a
    default that does not fit in memory is followed by the same with the smallest change that makes it.

    Parameters
    ----------
    searched
        Whether to search for the fastest strategy and place it, too.
    tell
        Told whose strategy is looked at now.

    Raises
    ------
    UsageError
        U007 where the job's traffic was given outright.
    """
    asked = job_of(placement.workload)
    if asked is None:
        raise UsageError.of(
            "U007",
            f"{placement.workload.name} gives its traffic outright and names no model",
            expected="a workload with model, batch and parallelism, which other strategies follow from",
        )
    cluster = placement.cluster
    own = contender(PLANNER, cluster, asked, placement.gpu_of_rank)
    field = _Field(cluster, asked, own.gpu)
    told = tell or _untold
    ours, meshes = [own], {}
    if searched:
        told(SEARCHED)
        ours.append(field.searched(placement.workload))
    for name, every_axis in (("jax-mesh", False), ("jax-mesh-all", True)):
        told(name)
        meshes[name] = field.of_mesh(name, every_axis=every_axis)
    told("defaults")
    found = [each for each in meshes.values() if each is not None]
    absent = [(name, "no mesh of its axes fits in memory") for name, each in meshes.items() if each is None]
    tiers = tuple(tier.name for tier in cluster.tiers)
    return Contest(asked.mesh.world_size, tiers, (*ours, *field.of_defaults(), *found), tuple(absent))


def contender(
    name: str, cluster: Cluster, job: Job, gpu_of_rank: IntArray, notes: Iterable[str] = ()
) -> Contender:
    """A job on given GPUs: its step, memory and crossing bytes."""
    gpu, moved = slowest_gpu(cluster, gpu_of_rank), families(job)
    network = Network(cluster, job.mesh, gpu_of_rank)
    step = Step(job, gpu, {family.name: network.time(family) for family in moved})
    time = step.time(quick=job.num_microbatches * job.mesh.pp * job.mesh.vp > MOST_PASSES)
    crossing = measure(cluster, Workload(name, job.mesh, moved), gpu_of_rank)
    return Contender(
        name, job, gpu, time.step_s, parts(step, time), fullest(job), crossing.tier_bytes, tuple(notes)
    )


def _untold(name: str) -> None:
    """Nobody listens."""


def _step_s(contender: Contender) -> float:
    return contender.step_s


class _Field:
    """Other software's strategies for one job."""

    def __init__(self, cluster: Cluster, asked: Job, gpu: Gpu) -> None:
        self.cluster, self.asked = cluster, asked
        usual = Outline.of(cluster).ground(asked.mesh.world_size)
        self.outline = replace(usual, gpu=gpu, gpus=asked.mesh.world_size, faster=())
        self.limit = gpu.memory_bytes or float("inf")
        self.available = available_gpus(cluster, asked.mesh.world_size)

    def searched(self, workload: Workload) -> Contender:
        """The fastest strategy that fits, of those that are fastest in outline; placed without rules.

        The one that is fastest in rank order is placed, and of the next each that is predicted to be faster
        than what was placed so far.
        """
        rules = ", ".join(f"{axis}: {tier}" for axis, tier in workload.keep.items())
        notes = [f"without the placement's rules ({rules})"] if rules else []
        jobs = fastest(self.asked, self.outline, CLOSEST)
        in_order = sorted((self._in_order(SEARCHED, job, notes) for job in jobs), key=_step_s)
        made = in_order[:1]
        for each in in_order[:PLACED]:
            predicted_s = step_of(each.job, self.outline).time(quick=True).step_s
            if len(made) > 1 and predicted_s >= min(map(_step_s, made)):
                continue
            placed = solve(self.cluster, as_workload(each.job, workload), deterministic=True).placement
            made.append(contender(SEARCHED, self.cluster, each.job, placed.gpu_of_rank, notes))
        return min(made, key=_step_s)

    def _in_order(self, name: str, job: Job, notes: Iterable[str]) -> Contender:
        gpus = self.available.nonzero()[0][: job.mesh.world_size].astype(np.int32)
        return contender(name, self.cluster, job, gpus, notes)

    def of_defaults(self) -> Iterator[Contender]:
        """Each default, and where it does not fit what is closest to it and does."""
        for each in defaults(self.asked, self.outline, self._node_gpus):
            yield self._placed(each.name, each.job, each.order, each.notes)
            if fullest(each.job) > self.limit:
                yield from self._mended(each)

    def _mended(self, default: Default) -> Iterator[Contender]:
        found = remedy(default, self.outline, self.limit)
        if found is not None:
            notes = [f"fits with {' and '.join(found.changes)}", *batch_notes(found.job, self.asked)]
            yield self._placed(f"{default.name}, fitted", found.job, default.order, notes)

    def of_mesh(self, name: str, *, every_axis: bool) -> Contender | None:
        """The fastest of the best JAX meshes in JAX's orders; None where none fits."""
        jobs = jax_meshes(self.asked, self.outline, every_axis=every_axis)
        return min(
            (each for job in jobs for each in self._in_jax_orders(name, job)), key=_step_s, default=None
        )

    def _in_jax_orders(self, name: str, job: Job) -> Iterator[Contender]:
        """A job in each of JAX's orders that applies; those differ in where stages lie."""
        for order in ORDERS:
            try:
                yield self._placed(name, job, order, batch_notes(job, self.asked))
            except NotApplicableError:
                continue
            if job.mesh.pp == 1:
                return

    def _placed(self, name: str, job: Job, order: Rule, notes: Iterable[str]) -> Contender:
        return contender(name, self.cluster, job, order(self.cluster, job.mesh, self.available), notes)

    @property
    def _node_gpus(self) -> int:
        """GPUs of the largest node in use."""
        held = self.available.nonzero()[0]
        return int(np.bincount(self.cluster.gpu_node[held]).max())
