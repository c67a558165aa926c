"""The hypergraph that peers are given."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.crossing import measure
from tests.benchmarks.instances import FAMILIES, instance
from tests.benchmarks.peers.graph import adjacency
from tests.benchmarks.peers.job import CLIQUE, CLIQUE_SCALE, PATH, Job, Task, load
from tests.benchmarks.peers.runner import job_of, measured

# Two stages of three replicas: cells 0 to 2 are stage 0, cells 3 to 5 stage 1; nodes of 4 and 2.
GRID = Task(
    stage=np.array([0, 0, 0, 1, 1, 1]),
    replica=np.array([0, 1, 2, 0, 1, 2]),
    after=np.array([3, 4, 5, -1, -1, -1]),
    shared=10,
    passed=3,
    room=np.array([4, 2]),
)
JOB = Job(GRID, domain=np.array([[0, 1]]), cost=np.array([1]))


class TestTask:
    """A grid of two stages and three replicas."""

    def test_nets(self):
        """Both stages are nets of 2 S, the pairs of neighbouring stages nets of V."""
        nets, weights = GRID.nets()
        assert nets == [[0, 1, 2], [3, 4, 5], [0, 3], [1, 4], [2, 5]]
        assert weights == [10, 10, 3, 3, 3]

    def test_path(self):
        """As a path each cell of a stage is joined to the next replica at the weight of the net."""
        edges, weights = GRID.edges(PATH)
        assert edges.tolist() == [[0, 3], [1, 4], [2, 5], [0, 1], [1, 2], [3, 4], [4, 5]]
        assert (weights / CLIQUE_SCALE).tolist() == [3, 3, 3, 10, 10, 10, 10]

    def test_clique(self):
        """As a clique each is joined to both others at half the weight."""
        edges, weights = GRID.edges(CLIQUE)
        assert edges.tolist()[3:] == [[0, 1], [0, 2], [1, 2], [3, 4], [3, 5], [4, 5]]
        assert (weights / CLIQUE_SCALE).tolist()[3:] == [5] * 6

    def test_restricted(self):
        """Of some cells alone, neighbours that are left out are gone, and the others renumbered."""
        part = GRID.restricted(np.array([4, 0, 1]), np.array([2, 1]))
        assert part.stage.tolist() == [1, 0, 0]
        assert part.after.tolist() == [-1, -1, 0]
        assert part.before.tolist() == [2, -1, -1]
        assert part.nets() == ([[1, 2], [2, 0]], [10, 3])

    def test_adjacency(self):
        """Every edge stands at both of its ends; two edges of the same cells are one."""
        ring = Task(np.array([0, 1]), np.array([0, 0]), np.array([1, 0]), 10, 3, np.array([1, 1]))
        starts, others, weights = adjacency(ring, PATH)
        assert starts.tolist() == [0, 1, 2]
        assert others.tolist() == [1, 0]
        assert (weights / CLIQUE_SCALE).tolist() == [6, 6]


class TestJob:
    """Nodes and tiers."""

    def test_shuffled(self):
        """Cells change their numbers and nothing else."""
        order = np.array([5, 3, 1, 0, 2, 4])
        task = JOB.shuffled(order).task
        assert task.stage.tolist() == [1, 1, 0, 0, 0, 1]
        assert task.replica.tolist() == [2, 0, 1, 0, 2, 1]
        assert task.after.tolist() == [-1, -1, 5, 1, 0, -1]

    def test_trimmed(self):
        """The last nodes lose the places that are too many."""
        job = Job(GRID.restricted(np.arange(6), np.array([4, 4, 4])), np.array([[0, 1, 2]]), np.array([1]))
        assert job.trimmed().task.room.tolist() == [4, 2, 0]

    @pytest.mark.parametrize(
        ("domain", "arity"),
        [([[0, 1, 2, 3]], [4]), ([[0, 1, 2, 3], [0, 0, 1, 1]], [2, 2]), ([[0, 1, 2, 3], [0, 0, 0, 1]], None)],
    )
    def test_arity(self, domain, arity):
        """A tree is regular where all domains of a tier have as many children."""
        room = np.array([2, 2, 2, 2])
        assert Job(GRID.restricted(np.arange(6), room), np.array(domain), np.ones(2)).arity() == arity

    def test_nodes_of_different_room_are_irregular(self):
        """Whatever the tree."""
        assert JOB.arity() is None

    def test_file(self, tmp_path):
        """What is read is what was written."""
        JOB.save(tmp_path / "job.npz")
        job = load(tmp_path / "job.npz")
        assert (job.task.shared, job.task.passed) == (10, 3)
        for name in ("stage", "replica", "after", "room"):
            np.testing.assert_array_equal(getattr(job.task, name), getattr(GRID, name))
        np.testing.assert_array_equal(job.domain, JOB.domain)
        np.testing.assert_array_equal(job.cost, JOB.cost)


class TestJobOf:
    """Instances as peers are told them."""

    @pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
    def test_connectivity_is_crossing_bytes(self, family):
        """At every tier of a random placement, the nets' weights times (domains - 1) are the bytes."""
        case = instance(family, 1)
        job = job_of(case)
        slots = np.repeat(np.arange(job.nodes), job.task.room)
        node = np.random.default_rng(0).permutation(slots)[: case.cells]
        gpu_of_rank = _gpus(case.cluster, job, node)
        found = measure(case.cluster, case.workload, gpu_of_rank)
        nets, weights = job.task.nets()
        for tier, domain in enumerate(job.domain):
            touched = [len(set(domain[node[net]].tolist())) for net in nets]
            assert sum(w * (k - 1) for w, k in zip(weights, touched, strict=True)) == found.tier_bytes[tier]
        assert measured(case, node.tolist()).tier_bytes == found.tier_bytes

    def test_costs_are_those_of_the_uplinks(self):
        """A byte at each tier costs in proportion to 1 / U, in whole numbers."""
        case = instance(next(f for f in FAMILIES if f.name == "regular, three tiers"), 0)
        assert job_of(case).cost.tolist() == [16, 32, 64]

    def test_regular_hierarchies(self):
        """The generator holds at least six instances of several tiers with a regular tree."""
        regular = [f for f in FAMILIES if f.name.startswith("regular")]
        found = [job_of(instance(f, n)).arity() for f in regular for n in range(len(f.sizes))]
        assert sum(arity is not None for arity in found) >= 6

    def test_overfull_node(self):
        """A placement that no node has room for is refused."""
        with pytest.raises(ValueError, match="more cells than it has GPUs"):
            measured(instance(FAMILIES[0], 0), [0] * instance(FAMILIES[0], 0).cells)


def _gpus(cluster, job, node):
    """GPUs in service for a placement by the job's nodes, one by one."""
    left = {}
    for gpu in np.flatnonzero(cluster.gpu_in_service).tolist():
        left.setdefault(int(cluster.gpu_node[gpu]), []).append(gpu)
    names = sorted(left)
    return np.array([left[names[each]].pop() for each in node.tolist()], np.int32)
