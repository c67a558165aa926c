"""Exports that start their ranks by a script alone, with the real frameworks on this machine."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from tests.builders import claimed, grid_cluster, grid_workload
from tests.real.exported import write
from tests.real.other import PYTHON, free_port, needs

pytestmark = [pytest.mark.real, needs("torch", "jax")]

# A line is written at once, or those of several ranks would mix.
TORCH = """
import os, torch, torch.distributed as dist, device_mesh
mesh = device_mesh.build()
found = torch.tensor([dist.get_rank()])
dist.all_reduce(found, group=mesh["tp"].get_group())
line = ("RANK", os.environ["RANK"], found.item(), os.environ["CUDA_VISIBLE_DEVICES"])
os.write(1, (" ".join(map(str, line)) + "\\n").encode())
dist.destroy_process_group()
"""
JAX = """
import os, jax, jax_mesh
jax_mesh.initialize()
mesh = jax_mesh.build()
own = [d.process_index for d in mesh.devices.ravel()]
line = ("RANK", os.environ["RANK"], jax.process_index(), mesh.devices.shape, own)
os.write(1, (" ".join(map(str, line)) + "\\n").encode())
"""


def here(**axes):
    """A job whose host is this machine, on its GPUs in reverse."""
    workload = grid_workload(families=[("dp", "all_reduce", 1)], **axes)
    world = workload.mesh.world_size
    cluster = replace(grid_cluster(1, 1, world), host_names=["localhost"])
    return claimed(cluster, workload, np.arange(world)[::-1])


def launch(folder, script):
    """What the ranks print, a line each."""
    done = subprocess.run(
        [folder / "launch.sh", PYTHON, "-c", script],
        env={
            **os.environ,
            "PLANNER_HOST": "localhost",
            "JAX_PLATFORMS": "cpu",
            "GLOO_SOCKET_IFNAME": "lo",
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return sorted(line for line in done.stdout.splitlines() if line.startswith("RANK"))


def test_torch(tmp_path):
    """Tensor groups of two, by gloo: each sums its own ranks alone."""
    placement = here(tp=2, dp=2)
    folder = write(placement, "devicemesh", tmp_path / "out", "kind=cpu", f"port={free_port()}")
    assert launch(folder, TORCH) == [f"RANK {rank} {s} 3,2,1,0" for rank, s in enumerate((1, 1, 5, 5))]


def test_jax(tmp_path):
    """A process a rank, and the mesh over the processes in the planned order."""
    folder = write(here(tp=2, dp=1), "jax", tmp_path / "out", f"port={free_port()}", "dims=tp")
    assert launch(folder, JAX) == [f"RANK {rank} {rank} (2,) [0, 1]" for rank in range(2)]
