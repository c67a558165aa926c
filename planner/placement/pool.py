"""Which GPUs a job may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from planner.topology.cluster import Cluster


def available_gpus(cluster: Cluster, world_size: int) -> NDArray[np.bool_]:
    """GPUs that may hold a rank, shape (gpus,): those in service, without spares where the job fits."""
    kept_free = cluster.gpu_in_service & ~cluster.gpu_spare
    return kept_free if kept_free.sum() >= world_size else cluster.gpu_in_service
