"""Exported device meshes, in PyTorch itself: its fake process group shows who is in which group."""

from __future__ import annotations

import json

import numpy as np
import pytest

from planner.placement.groups import groups_along
from tests.builders import claimed, grid_cluster, grid_workload
from tests.real.exported import run, write
from tests.real.other import needs

pytestmark = [pytest.mark.real, needs("torch")]

ALL_RANKS = """
import json, sys, torch.distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore
import device_mesh
found = []
for rank in range(16):
    dist.init_process_group("fake", store=FakeStore(), rank=rank, world_size=16)
    mesh, experts = device_mesh.build(), device_mesh.build_expert()
    groups = {name: dist.get_process_group_ranks(mesh[name].get_group()) for name in mesh.mesh_dim_names}
    groups |= {name: dist.get_process_group_ranks(experts[name].get_group()) for name in ("ep", "edp")}
    found.append((groups, mesh.mesh_dim_names))
    dist.destroy_process_group()
print(json.dumps(found))
"""


@pytest.mark.parametrize(
    ("order", "dims", "cp"),
    [
        ("tp-cp-ep-dp-pp", "pp,dp,cp,tp", 2),
        ("dp-pp-tp-cp-ep", "tp,cp,pp,dp", 2),
        ("dp-pp-tp-cp-ep", "tp,pp,dp", 1),
    ],
)
def test_groups_of_every_rank(tmp_path, order, dims, cp):
    """Each rank is in exactly the planned groups, in their order, whatever the order of ranks and dims."""
    workload = grid_workload(
        tp=2, cp=cp, dp=4 // cp, pp=2, ep=2, order=order.split("-"), families=[("tp", "all_reduce", 1)]
    )
    placement = claimed(grid_cluster(2, 2, 4), workload, np.arange(16)[::-1])
    folder = write(placement, "devicemesh", tmp_path / "out", f"dims={dims}", "kind=cpu")
    for rank, (groups, names) in enumerate(json.loads(run(ALL_RANKS, folder))):
        assert names == dims.split(",")
        for axis, members in groups.items():
            ours = groups_along(workload.mesh, (axis,)).members.tolist()
            assert members == next(group for group in ours if rank in group), (rank, axis)
