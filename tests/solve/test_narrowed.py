"""Jobs in a part of the cluster: placements that are good for all of it, and no claim made from the part."""

from __future__ import annotations

import pytest

from planner.placement.crossing import measure
from planner.placement.placement import Objective
from planner.solve import solve
from planner.solve.construct import Constructions
from planner.solve.narrowed import construct_narrowed
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.control import Control
from planner.solve.setup.problem import Problem, lay_out
from planner.solve.steps import Told
from tests.builders import grid_workload, ragged_cluster

FAMILIES = [("pp", "path", 3.0), ("dp", "all_reduce", 2.0)]


def narrowly_built(nested, **mesh):
    """The seconds of all placements offered, and the constructions in the part."""
    cluster, job = ragged_cluster(nested, uplinks=(1.0, 2.0)), grid_workload(**mesh, families=FAMILIES)
    problem = Problem(cluster, job, Objective.WEIGHTED, cluster.gpu_in_service)
    layout = lay_out(problem, candidate_blocks(job.mesh)[0])
    control = Control(20.0, workers=1, deterministic=True)
    values = []

    def offer(gpu_of_rank):
        assert problem.available[gpu_of_rank].all()
        values.append(measure(cluster, job, gpu_of_rank).weighted_s)
        return values[-1]

    def learn(*_):
        pytest.fail("a bound in the part was taken for one of the whole")

    told = Told(learn, learn, lambda: False, offer, lambda: False)
    return values, construct_narrowed(Constructions(problem, layout, control), told, offer)


def test_it_is_as_good_as_all_of_the_cluster():
    """Two of forty racks are all that the job needs: what is best there is best anywhere, and is found."""
    values, built = narrowly_built([[4] * 4] * 40, pp=4, dp=6)
    assert built.problem.available.sum() == 32
    cluster, job = (
        ragged_cluster([[4] * 4] * 40, uplinks=(1.0, 2.0)),
        grid_workload(pp=4, dp=6, families=FAMILIES),
    )
    best = solve(cluster, job, deterministic=True, workers=1)
    assert min(values) == pytest.approx(best.objective)
    assert best.lower_bound <= best.objective


def test_nothing_is_built_where_the_job_needs_most():
    """A job that fills more than half of everything is left to the constructions in all of it."""
    values, built = narrowly_built([[4] * 4] * 4, pp=4, dp=12)
    assert built is None
    assert values == []
