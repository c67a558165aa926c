"""Placements that the tests of reports look at, and their text as a person would see it."""

from __future__ import annotations

import io

import numpy as np
from rich.console import Console

from tests.builders import claimed, grid_cluster, grid_workload


def two_racks(gpu_of_rank=None, **options):
    """Four stages of eight ranks, stage by stage on two racks of two nodes of eight GPUs."""
    cluster = grid_cluster(2, 2, 8, uplinks=(400e9, 800e9), nics=8)
    workload = grid_workload(
        tp=2,
        dp=4,
        pp=4,
        families=[("tp", "all_reduce", 1e9), ("dp", "all_reduce", 5e9), ("pp", "path", 2e8)],
    )
    return claimed(cluster, workload, np.arange(32) if gpu_of_rank is None else gpu_of_rank, **options)


def text_of(renderable, width=100):
    """What is printed, without colours."""
    console = Console(file=io.StringIO(), width=width, color_system=None, markup=False, emoji=False)
    console.print(renderable)
    return console.file.getvalue()
