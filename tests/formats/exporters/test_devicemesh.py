"""DeviceMesh exports."""

from __future__ import annotations

import json

import numpy as np

from planner.formats.exporting import launcher_files
from tests.builders import claimed, grid_cluster, grid_workload
from tests.formats.jobs import irregular


def test_files():
    """The module, what it reads, and the launch."""
    export = launcher_files(irregular(), "devicemesh", ["kind=cpu", "dims=dp,pp"])
    plan = json.loads(export.files["mesh.json"])
    assert plan["kind"] == "cpu"
    assert plan["dims"] == ["dp", "pp"]
    assert b"DeviceMesh(kind, rank_tensor(DIMS), mesh_dim_names=DIMS)" in export.files["device_mesh.py"]
    assert {"launch.sh", "start.sh"} == export.executable


def test_experts_are_mentioned_where_there_are_any():
    """The README names the second mesh only then."""
    workload = grid_workload(dp=4, ep=2, families=[("dp", "all_reduce", 1)])
    experts = claimed(grid_cluster(1, 1, 4), workload, np.arange(4))
    assert "build_expert" in launcher_files(experts, "devicemesh").notes[0]
    assert "build_expert" not in launcher_files(irregular(), "devicemesh").notes[0]
