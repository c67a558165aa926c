"""What `plan` says."""

from __future__ import annotations

import numpy as np

from planner.report.plan import plan_view
from tests.builders import claimed, grid_cluster, grid_workload
from tests.report.jobs import text_of, two_racks

SECONDS = {"load": 0.1, "solve": 1.5, "check": 0.02, "write": 0.003}


def test_free_gpus_are_in_service():
    """GPUs out of service are not told as left free."""
    cluster = grid_cluster(2, 4, uplinks=(1e9,), down=(7,))
    placement = claimed(cluster, grid_workload(dp=4, families=[("dp", "all_reduce", 1.0)]), np.arange(4))
    assert "4 ranks; 7 GPUs in service, 3 of them left free" in text_of(plan_view(placement, SECONDS))


def test_spares_in_use_are_told():
    """Ranks that had to go on spares are counted, and nothing is said where there are none."""
    cluster = grid_cluster(2, 4, uplinks=(1e9,), down=(7,), spare=(2, 3, 6))
    workload = grid_workload(dp=6, families=[("dp", "all_reduce", 1.0)])
    placement = claimed(cluster, workload, np.arange(6))
    assert "1 of them left free; 2 ranks on spares" in text_of(plan_view(placement, SECONDS))
    assert "spare" not in text_of(plan_view(two_racks(), SECONDS))


def test_view():
    """Verdict, one row a tier that can be crossed, and the seconds."""
    text = text_of(plan_view(two_racks(bound=1.0), SECONDS), 80)
    assert "optimal   weighted 4 ms   bound 4 ms   gap 0 %" in text
    assert "node     4.8 GB     4.8 GB          3 ms    75 %" in text
    assert "cluster" not in text
    assert "load 100 ms  solve 1.5 s  check 20 ms  write 3 ms" in text
