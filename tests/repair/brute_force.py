"""Every placement of a small job there is: the fewest moves, and the least objective among those."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from planner.placement.crossing import measure
from planner.placement.groups import groups_along


def placements(task):
    """All rank tables on the available GPUs, shape (tables, ranks), that obey the rules."""
    gpus = np.flatnonzero(task.available)
    tables = np.array(list(permutations(gpus.tolist(), task.ranks)), np.int32).reshape(-1, task.ranks)
    for axis, tier in task.workload.keep.items():
        domain = task.cluster.domain_of_gpu[task.cluster.tier_index(tier)]
        members = groups_along(task.workload.mesh, (axis,)).members
        inside = domain[tables[:, members]]
        tables = tables[(inside == inside[..., :1]).all(axis=(1, 2))]
    return tables


def moves_of(task, tables):
    """Moved ranks of each table."""
    return ((tables != task.before) & (task.before >= 0)).sum(axis=1)


def fewest_moves(task):
    """The fewest moves of any placement; None where there is none."""
    tables = placements(task)
    return int(moves_of(task, tables).min()) if len(tables) else None


def least_value(task, most_moves):
    """The least objective among placements with at most so many moves."""
    tables = placements(task)
    tables = tables[moves_of(task, tables) <= most_moves]
    # Placements that put the same ranks into the same domains of counted tiers are alike.
    counted = [t for t, tier in enumerate(task.cluster.tiers) if tier.uplink_bytes_per_s is not None]
    leaf = min([*counted, task.cluster.boundary])
    _, first = np.unique(task.cluster.domain_of_gpu[leaf][tables], axis=0, return_index=True)
    return min(measure(task.cluster, task.workload, table).value(task.objective) for table in tables[first])
