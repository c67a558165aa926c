"""What GPUs can hold, and what ranks carry along when they move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]


def large_enough(cluster: Cluster, workload: Workload) -> BoolArray:
    """GPUs with the memory that the fullest stage needs, shape (gpus,)."""
    needed = max(workload.memory_bytes or (0.0,))
    sizes = [np.inf if kind.memory_bytes is None else kind.memory_bytes for kind in cluster.gpu_kinds]
    enough: BoolArray = (np.array(sizes) >= needed)[cluster.gpu_kind]
    return enough


def state_bytes(workload: Workload) -> FloatArray | None:
    """Bytes of parameters and optimizer that a rank of each stage holds, shape (pp,).

    That is what has to be brought to a rank's new GPU before it can go on; gradients and activations
    come of themselves. None where the workload names no model.
    """
    from planner.workload.load import job_of
    from planner.workload.memory import memory

    job = job_of(workload) if workload.description else None
    if job is None:
        return None
    return np.array([stage.parameters + stage.optimizer for stage in memory(job)])


def moved_bytes(workload: Workload, moved: NDArray[np.int64]) -> float | None:
    """Parameters and optimizer state of the ranks that move; None where the workload names no model."""
    each = state_bytes(workload)
    if each is None:
        return None
    return float(each[workload.mesh.coordinate("pp", moved)].sum())
