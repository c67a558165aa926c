"""Placements that no sorted list of hosts and no counting of GPUs could give."""

from __future__ import annotations

import numpy as np

from tests.builders import claimed, grid_workload, ragged_cluster


def irregular(**options):
    """Ten ranks, 3, 5 and 2 a host: hosts reversed, ranks scattered, holes among the GPUs.

    ::

        r01-n00  ranks 0 3 9      GPUs 5 0 2
        r00-n01  ranks 1 2 4 6 8  GPUs 7 6 4 1 0
        r00-n00  ranks 5 7        GPUs 1 3
    """
    cluster = ragged_cluster([[4, 8], [6, 4]], **({"down": (0, 15), "nics": 2} | options))
    workload = grid_workload(dp=5, pp=2, families=[("dp", "all_reduce", 8), ("pp", "path", 2)])
    return claimed(cluster, workload, np.array([17, 11, 10, 12, 8, 1, 5, 3, 4, 14]))


def regular(hosts=2, gpus=4, **options):
    """All GPUs of `hosts` hosts in their own order."""
    cluster = ragged_cluster([gpus] * hosts, **options)
    workload = grid_workload(dp=hosts * gpus, families=[("dp", "all_reduce", 8)])
    return claimed(cluster, workload, np.arange(hosts * gpus))


def in_blocks(**options):
    """Twelve ranks in blocks, hosts reversed, and GPUs reversed in each."""
    cluster = ragged_cluster([[4, 4], [4]], **options)
    workload = grid_workload(dp=12, families=[("dp", "all_reduce", 8)])
    return claimed(cluster, workload, np.arange(11, -1, -1))
