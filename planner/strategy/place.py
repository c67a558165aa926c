"""A strategy as a workload file, and placed on the real cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.cost.simulate import Simulation, simulate
from planner.errors import InfeasibleError, NoPlacementError
from planner.solve import solve
from planner.strategy.grades import ground, left_out
from planner.workload.job import Schedule
from planner.workload.load import build_workload

if TYPE_CHECKING:
    import threading

    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster
    from planner.workload.job import Job


@dataclass(frozen=True, eq=False)
class Placed:
    """A strategy where it is placed, and its step there.

    Parameters
    ----------
    without
        Selectors of what is in service but was left out, as slower than what is enough.
    """

    placement: Placement
    simulation: Simulation
    without: tuple[str, ...] = ()


def description(job: Job, model: str, keep: dict[str, str]) -> dict[str, object]:
    """The workload file of a job as plain data.

    Parameters
    ----------
    model
        Name or path of the model.
    keep
        Hard rules for the placement.
    """
    mesh = job.mesh
    degrees = {axis: getattr(mesh, axis) for axis in ("tp", "cp", "ep", "pp", "vp", "dp")}
    return {
        "format_version": 1,
        "name": f"{job.model.name}-{mesh.world_size}",
        "model": model,
        "parallelism": {axis: degree for axis, degree in degrees.items() if degree > 1} or {"dp": 1},
        "batch": {"global": job.global_batch, "micro": job.micro_batch, "sequence": job.sequence},
        "precision": str(job.precision),
        "data_parallel": str(job.data_parallel),
        "recompute": str(job.recompute),
        **({} if mesh.vp > 1 else {"schedule": str(job.schedule or Schedule.ONE_F_ONE_B)}),
        **({} if job.cut is None else {"stages": list(job.cut)}),
        "rank_order": "-".join(mesh.rank_order),
        **({"keep": keep} if keep else {}),
    }


def place(
    cluster: Cluster,
    job: Job,
    model: str,
    *,
    keep: dict[str, str],
    time_limit_s: float,
    stop: threading.Event | None = None,
) -> Placed:
    """Place a strategy and simulate its step there; raises what `planner.solve.solve` raises.

    It is placed on the fastest GPUs that are enough for it, see `planner.strategy.grades`; on all where
    those do not have room for it under the rules.
    """
    workload = build_workload(description(job, model, keep), job.model.name)
    used = ground(cluster, job.mesh.world_size)
    try:
        placement = solve(used, workload, time_limit_s=time_limit_s, stop=stop).placement
    except (InfeasibleError, NoPlacementError):
        if used is cluster or (stop is not None and stop.is_set()):
            raise
        used = cluster
        placement = solve(cluster, workload, time_limit_s=time_limit_s, stop=stop).placement
    return Placed(placement, simulate(placement), tuple(left_out(cluster, used)))
