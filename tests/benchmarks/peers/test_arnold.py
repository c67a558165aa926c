"""Arnold's integer program."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.instances import FAMILIES, instance
from tests.benchmarks.peers.arnold import SOLVERS, Program, minipods, percent_of, seat
from tests.benchmarks.peers.runner import job_of


def objective(program, held):
    """Percent of the minipods used and of the largest spread of a group."""
    used, spread = int((held.sum(axis=0) > 0).sum()), int((held > 0).sum(axis=1).max())
    return program.percent * used + (100 - program.percent) * spread


# Groups, cells of each, room of the minipods, alpha in percent, the objective's least value.
PROGRAMS = [
    # A minipod of 7 holds one whole group of 4: two groups take two minipods and stay whole.
    (2, 4, (7, 7, 7), 50, 50 * 2 + 50 * 1),
    # Three groups of 4 fit in two minipods only if one is torn, and stay whole only in three.
    (3, 4, (7, 7, 7), 80, 80 * 2 + 20 * 2),
    (3, 4, (7, 7, 7), 20, 20 * 3 + 80 * 1),
    # 12 pipeline groups of 2 nodes in 3 minipods of 18: two minipods are needed.
    (12, 2, (18, 18, 18), 50, 50 * 2 + 50 * 1),
]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("groups", "size", "room", "percent", "least"), PROGRAMS)
def test_optimum(solver, groups, size, room, percent, least):
    """Both solvers reach the least value, with all cells placed and no minipod overfilled."""
    program = Program(groups, size, np.array(room), percent)
    held = SOLVERS[solver](program)
    assert held.sum(axis=1).tolist() == [size] * groups
    assert (held.sum(axis=0) <= room).all()
    assert objective(program, held) == least


@pytest.mark.parametrize("name", ["ragged nodes", "three tiers"])
def test_seats(name):
    """Placements keep every group's counts, in the order of stages, and overfill no node."""
    job = job_of(instance(next(f for f in FAMILIES if f.name == name), 1))
    job = job.shuffled(np.random.default_rng(0).permutation(job.task.cells))
    pod_of_node = minipods(job)
    room = np.bincount(pod_of_node, job.task.room).astype(int)
    slots = np.repeat(np.arange(len(room)), room)[: job.task.cells]
    groups = int(job.task.replica.max()) + 1
    held = np.stack([np.bincount(part, minlength=len(room)) for part in np.array_split(slots, groups)])
    for node in seat(job, pod_of_node, held):
        assert (np.bincount(node, minlength=job.nodes) <= job.task.room).all()
        pod = pod_of_node[node]
        for group in range(groups):
            cells = np.flatnonzero(job.task.replica == group)
            in_order = pod[cells[np.argsort(job.task.stage[cells])]]
            assert in_order.tolist() == np.repeat(np.arange(len(room)), held[group]).tolist()


def test_minipods():
    """Minipods are the domains of the outermost tier that has several."""
    job = job_of(instance(next(f for f in FAMILIES if f.name == "regular, three tiers"), 0))
    assert job.arity()[-1] == 1
    assert minipods(job).tolist() == job.domain[1].tolist()


def test_alpha():
    """Alpha is the share of data-parallel bytes, between 10 and 90 percent."""
    task = job_of(instance(FAMILIES[0], 0)).task
    assert percent_of(task) == round(100 * task.shared / (task.shared + task.passed))
