"""One step of a placed job: how long, how fast, and what of it is not hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.flops import FlopCount, step_flops
from planner.cost.network import Network
from planner.cost.software import MODERN
from planner.cost.step import Step
from planner.errors import UsageError
from planner.workload.load import job_of
from planner.workload.memory import memory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from planner.cost.network import FamilyTime
    from planner.cost.software import Software
    from planner.cost.step import StepTime
    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster
    from planner.topology.presets import Gpu
    from planner.workload.job import Job
    from planner.workload.memory import StageMemory

    IntArray = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Simulation:
    """A step of a job where it is placed.

    Parameters
    ----------
    gpu
        The model of GPU that the figures are for: the slowest in use.
    time
        The step.
    memory
        What a GPU of each stage holds.
    count
        How floating-point operations are counted.
    network
        Communication of every family.
    """

    job: Job
    gpu: Gpu
    time: StepTime
    memory: tuple[StageMemory, ...]
    count: FlopCount
    network: Mapping[str, FamilyTime]
    step: Step

    @property
    def tflops_per_gpu(self) -> float:
        """TFLOP/s of a GPU by the count."""
        return step_flops(self.job, self.count) / self.time.step_s / self.job.mesh.world_size / 1e12

    @property
    def mfu(self) -> float:
        """Those over the GPU's peak in the job's precision."""
        peak = self.gpu.flops(self.job.precision.value) or self.gpu.flops("bf16")
        return self.tflops_per_gpu * 1e12 / peak if peak else float("nan")

    @property
    def tokens_per_s_per_gpu(self) -> float:
        """Tokens that a GPU trains on in a second."""
        tokens = self.job.global_batch * self.job.sequence
        return tokens / self.time.step_s / self.job.mesh.world_size

    @property
    def memory_bytes(self) -> float:
        """What the fullest GPU holds."""
        return max(stage.total for stage in self.memory)


def simulate(
    placement: Placement,
    *,
    count: FlopCount = FlopCount.CAUSAL,
    software: Software = MODERN,
    imbalance: float = 1.0,
) -> Simulation:
    """Simulate one step of a placement.

    Parameters
    ----------
    count
        How floating-point operations are counted.
    software
        What the framework can do.
    imbalance
        Tokens of the busiest expert rank over the mean.

    Raises
    ------
    UsageError
        U007 where the job's traffic was given outright, so that nobody knows what it computes, or
        no figures of its GPUs are known.
    """
    job = job_of(placement.workload)
    if job is None:
        raise UsageError.of(
            "U007",
            f"{placement.workload.name} gives its traffic outright and names no model",
            expected="a workload with model, batch and parallelism, from which a step's time follows",
        )
    gpu = slowest_gpu(placement.cluster, placement.gpu_of_rank)
    network = Network(placement.cluster, job.mesh, placement.gpu_of_rank)
    times = {family.name: network.time(family) for family in placement.workload.families}
    step = Step(job, gpu, times, software, imbalance)
    return Simulation(job, gpu, step.time(), memory(job), count, step.network, step)


def slowest_gpu(cluster: Cluster, gpu_of_rank: IntArray) -> Gpu:
    """Of the GPU models in use the one with the least FLOP/s: stages wait for it.

    Raises
    ------
    UsageError
        U007 where the figures of none are known.
    """
    return slowest_of([cluster.gpu_kinds[kind] for kind in np.unique(cluster.gpu_kind[gpu_of_rank]).tolist()])


def slowest_of(used: Sequence[Gpu]) -> Gpu:
    """Of some GPU models the one with the least FLOP/s; raises U007 where the figures of none are known."""
    slowest: Gpu = min(used, key=lambda gpu: gpu.flops("bf16") or 0.0)
    if not slowest.flops("bf16"):
        raise UsageError.of(
            "U007",
            f"nothing is known of the speed of {', '.join(gpu.name for gpu in used)}",
            expected="a GPU preset in the topology file, or its figures with tflops",
        )
    return slowest
