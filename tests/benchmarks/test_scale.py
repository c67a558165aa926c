"""The benchmark of growth: its inputs, its fits, and that it runs."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from planner.topology.load import load_topology
from planner.workload.load import load_workload
from tests.benchmarks.scale import FLAGSHIP, FLAGSHIP_UNITS, JOB, UNITS, Size, exponent, write_inputs


def test_the_flagship_is_one_of_the_sizes(tmp_path):
    """At its own size the cluster has the flagship's tiers, domains and uplinks, and the job its mesh."""
    topology, workload = write_inputs(Size(FLAGSHIP_UNITS), tmp_path)
    made, shipped = load_topology(topology), load_topology(FLAGSHIP)
    assert made.gpus == shipped.gpus
    assert made.tier_uplink_bytes_per_s == shipped.tier_uplink_bytes_per_s
    for one, other in zip(made.tiers, shipped.tiers, strict=True):
        assert (one.name, one.parent.tolist()) == (other.name, other.parent.tolist())
    assert load_workload(workload).mesh == load_workload(JOB).mesh
    assert load_workload(workload).families == load_workload(JOB).families


@pytest.mark.parametrize("units", UNITS[:3])
def test_smaller_sizes_fill_their_cluster(units, tmp_path):
    """The job has a rank for every GPU, in expert groups of whole racks."""
    topology, workload = write_inputs(Size(units), tmp_path)
    mesh = load_workload(workload).mesh
    assert mesh.world_size == load_topology(topology).gpus == Size(units).ranks == Size(units).gpus
    assert mesh.dp % mesh.ep == 0


@pytest.mark.parametrize("units", UNITS[:3])
def test_degraded_sizes_have_room_for_their_job(units, tmp_path):
    """One tray in a hundred is down, and the expert groups still find as many racks as they need."""
    topology, workload = write_inputs(Size(units, degraded=True), tmp_path)
    cluster, mesh = load_topology(topology), load_workload(workload).mesh
    assert 1 - cluster.gpu_in_service.mean() == pytest.approx(0.01, rel=0.02)
    gpus_of_rack = np.bincount(cluster.domain_of_gpu[1][cluster.gpu_in_service])
    assert (gpus_of_rack >= mesh.ep).sum() >= mesh.world_size // mesh.ep


def test_exponent():
    """A power law has its power as its exponent, whatever its factor."""
    sizes = [10.0, 300.0, 4000.0]
    assert exponent(sizes, [7 * size**1.5 for size in sizes]) == pytest.approx(1.5)


@pytest.mark.slow
def test_smallest_sizes():
    """It runs, and prints a row a size and the exponents."""
    command = [sys.executable, "-m", "tests.benchmarks.scale", "--repeat", "1", "--most", "28000"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in printed.splitlines()]
    assert [row[0] for row in rows if row and row[0][0].isdigit()] == ["13,824", "27,648"]
    assert len([float(each) for each in next(row for row in rows if row and row[0] == "all")[1:]]) == 6
