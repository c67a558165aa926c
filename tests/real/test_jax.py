"""The orders that `compare` calls JAX's, against JAX itself."""

from __future__ import annotations

from math import gcd

import numpy as np
import pytest

from planner.placement.orders import jax_device_mesh, jax_hybrid_device_mesh
from planner.workload.mesh import Mesh
from tests.builders import grid_cluster
from tests.real.other import ask

pytestmark = pytest.mark.real

# Slowest first, as MaxText names them: data, stage, context, tensor.
AXES = ("dp", "pp", "cp", "tp")
MESHES = [
    Mesh(tp=2, dp=4, pp=4),
    Mesh(tp=4, cp=2, dp=2, pp=2),
    Mesh(tp=1, dp=32),
    Mesh(tp=8, pp=4),
    Mesh(tp=2, cp=2, dp=8),
]
SCRIPT = """
import json, sys
from jax.experimental import mesh_utils
question = json.load(sys.stdin)
class Device:
    platform, device_kind = "gpu", "H100"
    def __init__(self, number):
        self.id, self.process_index = number, number // question["a_host"]
devices = [Device(number) for number in range(question["devices"])]
if "outer" in question:
    made = mesh_utils.create_hybrid_device_mesh(
        question["inner"], question["outer"], devices, process_is_granule=True)
else:
    made = mesh_utils.create_device_mesh(question["inner"], devices)
print(json.dumps([device.id for device in made.ravel()]))
"""


def in_mesh_order(mesh, gpu_of_rank):
    """GPUs along the mesh's axes, the slowest first."""
    grid = np.indices([mesh.degree(axis) for axis in AXES])
    return gpu_of_rank[mesh.rank(dict(zip(AXES, grid, strict=True)))].ravel().tolist()


@pytest.mark.parametrize("mesh", MESHES, ids=str)
def test_device_mesh(mesh):
    """`create_device_mesh` on four hosts of eight GPUs."""
    cluster = grid_cluster(2, 2, 8)
    ours = jax_device_mesh(cluster, mesh, cluster.gpu_in_service)
    shape = [mesh.degree(axis) for axis in AXES]
    assert in_mesh_order(mesh, ours) == ask(SCRIPT, {"devices": 32, "a_host": 8, "inner": shape})


@pytest.mark.parametrize("mesh", MESHES, ids=str)
def test_hybrid_device_mesh(mesh):
    """`create_hybrid_device_mesh` with a host as granule."""
    cluster = grid_cluster(2, 2, 8)
    ours = jax_hybrid_device_mesh(cluster, mesh, cluster.gpu_in_service)
    left, inner = 8, {}
    for axis in reversed(AXES):
        inner[axis] = gcd(mesh.degree(axis), left)
        left //= inner[axis]
    question = {
        "devices": 32,
        "a_host": 8,
        "inner": [inner[axis] for axis in AXES],
        "outer": [mesh.degree(axis) // inner[axis] for axis in AXES],
    }
    assert in_mesh_order(mesh, ours) == ask(SCRIPT, question)
