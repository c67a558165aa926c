"""Replanning as a whole: against every placement there is, and by its properties."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from planner.placement.check import check
from planner.placement.placement import Objective
from planner.repair.resize import has_room
from planner.repair.run import Wishes, replan
from tests.builders import claimed
from tests.repair.brute_force import fewest_moves, least_value
from tests.repair.jobs import tasks


def before_of(task, objective=Objective.WEIGHTED):
    """The placement that a task starts from, on hardware that is whole."""
    whole = replace(task.cluster, gpu_in_service=np.ones(task.cluster.gpus, np.bool_))
    return claimed(whole, task.workload, task.before, objective=objective)


def possible(seed, count):
    """Random tasks for which there is room."""
    return [t for t in tasks(seed, count) if has_room(t.workload, t.cluster, t.available)]


@pytest.mark.parametrize("seed", range(4))
def test_least_objective_among_the_fewest_moves(seed):
    """No placement with so few moves is better, and the claims hold."""
    for task in possible(100 + seed, 8):
        repair = replan(before_of(task), task.cluster)
        fewest = fewest_moves(task)
        assert repair.moved_lower_bound == len(repair.moved) == fewest
        assert repair.placement.claims.value == pytest.approx(least_value(task, fewest))
        assert repair.cheapest
        report = check(repair.placement)
        assert report.ok, report.findings


@pytest.mark.parametrize("seed", range(2))
def test_more_moves(seed):
    """With more moves allowed the objective is the least within them, and never rises."""
    for task in possible(200 + seed, 4):
        values = []
        for more in range(4):
            most = fewest_moves(task) + more
            repair = replan(before_of(task), task.cluster, Wishes(max_moves=most))
            assert len(repair.moved) <= most
            assert repair.placement.claims.value == pytest.approx(least_value(task, most))
            values.append(repair.placement.claims.value)
        assert all(later <= earlier * (1 + 1e-9) for earlier, later in pairwise(values))


@pytest.mark.parametrize("most", [100, 10**30])
def test_no_move_for_nothing(most):
    """However many ranks may move: where the placement is the best there is, all stay."""
    task = possible(200, 4)[0]
    everywhere = np.ones(task.cluster.gpus, np.bool_)
    whole = replace(task.cluster, gpu_in_service=everywhere)
    best = replan(before_of(task), whole, Wishes(max_moves=task.ranks)).placement
    again = replan(best, whole, Wishes(max_moves=most))
    assert again.placement.claims.value == pytest.approx(best.claims.value)
    assert len(again.moved) == 0
