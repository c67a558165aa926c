"""Moving cells out of overfilled nodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.benchmarks.instances import FAMILIES, instance
from tests.benchmarks.peers.repair import levels_of, repaired
from tests.benchmarks.peers.runner import job_of
from tests.benchmarks.peers.test_job import GRID, JOB


def cost(job, node):
    """Cost of a placement, counted net by net."""
    nets, weights = job.task.nets()
    total = 0
    for domain, price in zip(job.domain, job.cost, strict=True):
        for net, weight in zip(nets, weights, strict=True):
            total += price * weight * (len(set(domain[node[net]].tolist())) - 1)
    return total


def test_full_enough_stays():
    """Nothing is moved where every node has room."""
    block, moved = repaired(GRID, np.array([0, 0, 1, 0, 0, 1]), levels_of(JOB))
    assert (block.tolist(), moved) == ([0, 0, 1, 0, 0, 1], 0)


def test_cheapest_move():
    """Of five cells in a node of four, the one goes that already has its stage and its pair outside."""
    block, moved = repaired(GRID, np.array([0, 0, 0, 0, 0, 1]), levels_of(JOB))
    assert moved == 1
    assert block.tolist() in ([0, 0, 0, 1, 0, 1], [0, 0, 0, 0, 1, 1], [0, 0, 1, 0, 0, 1])
    assert cost(JOB, block) == min(cost(JOB, _with(move)) for move in range(5))


def test_each_move_is_the_cheapest_on_a_tree():
    """One cell too many, three tiers: no other single move from the full node costs less."""
    job = job_of(instance(next(f for f in FAMILIES if f.name == "three tiers"), 1))
    node = np.repeat(np.arange(job.nodes), job.task.room)[: job.task.cells]
    room = job.task.room.copy()
    full, empty = int(node[-1]) // 2, np.bincount(node, minlength=job.nodes)
    room[:] = empty
    room[full] -= 1
    room[[0, -1]] += 2
    tight = replace(job, task=replace(job.task, room=room))
    block, moved = repaired(tight.task, node, levels_of(tight))
    assert moved == 1
    others = []
    for cell in np.flatnonzero(node == full):
        for target in (0, job.nodes - 1):
            other = node.copy()
            other[cell] = target
            others.append(cost(tight, other))
    assert cost(tight, block) == min(others)


def _with(move):
    block = np.array([0, 0, 0, 0, 0, 1])
    block[move] = 1
    return block
