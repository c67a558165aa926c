"""Shipped workloads on the clusters that they are made for."""

import pytest

from planner.library import shipped
from planner.topology.load import load_topology
from planner.workload.fit import check_fit
from planner.workload.load import load_workload

# Ranks of each, and a shipped cluster that it fits.
MADE_FOR = {
    "llama-405b-8192": (8_192, "llama3-24k"),
    "llama-405b-16384": (16_384, "llama3-24k"),
    "deepseek-v3-2048": (2_048, "llama3-24k"),
    "grok-1-512": (512, "dgx-h100-superpod"),
    "llama-70b-32": (32, "lab-4x8"),
    "llama-8b-32": (32, "lab-4x8"),
    "moe-6t-220k": (220_032, "gb300-220k"),
    "moe-6t-220k-degraded": (194_560, "gb300-220k-degraded"),
    "grid-16x64": (1_024, None),
    "grid-36x80": (2_880, None),
}


def test_every_preset_is_listed():
    """None is shipped without being tried."""
    assert shipped("workload") == sorted(MADE_FOR)


@pytest.mark.parametrize("name", sorted(MADE_FOR))
def test_world_size(name):
    """Each has as many ranks as its name says."""
    workload = load_workload(name)
    assert workload.name == name
    assert workload.mesh.world_size == MADE_FOR[name][0]


@pytest.mark.parametrize("name", [name for name, (_, made_for) in MADE_FOR.items() if made_for])
def test_fits_its_cluster(name):
    """Tiers, ranks and memory fit."""
    workload, cluster = load_workload(name), load_topology(MADE_FOR[name][1])
    check_fit(workload, cluster)
    assert workload.mesh.world_size <= cluster.gpu_in_service.sum()


def test_degraded_job_finds_enough_racks():
    """16 stages of 190 expert groups: at least 3,040 racks have 64 GPUs in service."""
    import numpy as np

    cluster = load_topology("gb300-220k-degraded")
    rack = cluster.domain_of_gpu[cluster.tier_index("rack")]
    in_service = np.bincount(rack[cluster.gpu_in_service])
    mesh = load_workload("moe-6t-220k-degraded").mesh
    assert (in_service >= mesh.ep).sum() * mesh.ep >= mesh.world_size
    assert mesh.world_size >= 0.88 * cluster.gpus
