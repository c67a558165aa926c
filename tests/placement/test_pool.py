"""Which GPUs a job may use."""

from __future__ import annotations

import numpy as np

from planner.placement.pool import available_gpus
from tests.builders import grid_cluster


def test_spares_stay_free_while_the_job_fits():
    """Four GPUs, one down and one spare: two ranks fit without the spare, three do not."""
    cluster = grid_cluster(1, 4, down=(0,), spare=(3,))
    assert np.flatnonzero(available_gpus(cluster, 2)).tolist() == [1, 2]
    assert np.flatnonzero(available_gpus(cluster, 3)).tolist() == [1, 2, 3]
    assert np.flatnonzero(available_gpus(cluster, 4)).tolist() == [1, 2, 3]
