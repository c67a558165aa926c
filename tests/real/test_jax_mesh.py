"""Exported JAX meshes, in JAX itself with as many devices a process as the plan has GPUs there."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from planner.formats.writing.seats import hosts_of
from tests.builders import claimed, grid_cluster, grid_workload
from tests.formats.jobs import irregular
from tests.real.exported import run, start, write
from tests.real.other import free_port, needs

pytestmark = [pytest.mark.real, needs("jax")]

SCRIPT = """
import json, jax, jax_mesh
jax_mesh.initialize()
mesh = jax_mesh.build()
own = {p: sorted(d.id for d in jax.devices() if d.process_index == p) for p in range(jax.process_count())}
place = lambda d: [d.process_index, own[d.process_index].index(d.id)]
print(json.dumps([mesh.axis_names, mesh.devices.shape, [place(d) for d in mesh.devices.ravel()]]))
"""
ONE_PROCESS = """
import json, jax, jax_mesh
meshes = [jax_mesh.build(), jax_mesh.build_expert()]
print(json.dumps([[m.axis_names, [[d.id for d in m.devices.ravel()], m.devices.shape]] for m in meshes]))
"""


def test_irregular_hosts(tmp_path):
    """Three processes of 3, 5 and 2 devices: every place of the mesh has the device of its rank."""
    placement = irregular()
    folder = write(placement, "jax", tmp_path / "out", "process=host", "dims=dp,pp")
    hosts, port = hosts_of(placement), free_port()
    running = [
        start(
            SCRIPT,
            folder,
            NODE_RANK=str(node),
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT=port,
            XLA_FLAGS=f"--xla_force_host_platform_device_count={len(host.ranks)}",
        )
        for node, host in enumerate(hosts)
    ]
    answers = [each.communicate(timeout=180) for each in running]
    assert [each.returncode for each in running] == [0, 0, 0], answers
    planned = {
        rank: [node, sorted(host.gpus).index(gpu)]
        for node, host in enumerate(hosts)
        for rank, gpu in zip(host.ranks, host.gpus, strict=True)
    }
    # dp is the slow dimension of the mesh and the fast axis of ranks: rank = dp + 5 * pp.
    expected = [planned[dp + 5 * pp] for dp in range(5) for pp in range(2)]
    for out, _ in answers:
        assert json.loads(out.splitlines()[-1]) == [["dp", "pp"], [5, 2], expected]


def test_groups_along_every_axis(tmp_path):
    """One process of sixteen devices: devices along an axis are those of the planned groups' ranks."""
    workload = grid_workload(
        tp=2, cp=2, dp=2, pp=2, ep=2, order=("dp", "tp", "pp", "cp", "ep"), families=[("tp", "all_reduce", 1)]
    )
    gpus = np.random.default_rng(1).permutation(16)
    placement = claimed(grid_cluster(1, 1, 16), workload, gpus)
    folder = write(placement, "jax", tmp_path / "out", "process=host")
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=16"
    mesh = workload.mesh
    for names, (devices, shape) in json.loads(run(ONE_PROCESS, folder, XLA_FLAGS=flags)):
        assert shape == [mesh.degree(axis) for axis in names]
        rank_of_gpu = np.argsort(gpus)
        for place, device in zip(np.ndindex(*shape), devices, strict=True):
            rank = rank_of_gpu[device]
            assert [int(mesh.coordinate(axis, rank)) for axis in names] == list(place)
