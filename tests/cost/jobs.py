"""A small job with a model on a small cluster, placed in order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.topology.presets import preset
from planner.workload.load import build_workload
from tests.builders import claimed, grid_cluster

WORKLOAD = {
    "format_version": 1,
    "name": "small",
    "model": "llama-3.1-8b",
    "parallelism": {"tp": 2, "pp": 2, "dp": 4},
    "batch": {"global": 32, "micro": 1, "sequence": 4096},
    "precision": "bf16",
}


def placed(**changes):
    """Sixteen ranks on two nodes of eight H100s."""
    cluster = grid_cluster(2, 8, uplinks=(400e9,), scale_up=450e9)
    cluster = replace(cluster, gpu_kinds=(preset("h100"),))
    return claimed(cluster, build_workload({**WORKLOAD, **changes}), np.arange(16))
