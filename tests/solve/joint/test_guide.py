"""Charges for what widths cost further in: worked out once, of outer tiers alone, and taken into account."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.joint import guide
from planner.solve.joint.guide import Guide
from planner.solve.reduction.reduction import reduce_costs
from planner.solve.reduction.tree import summed
from planner.solve.setup.blocks import candidate_blocks
from planner.solve.setup.control import Control
from planner.solve.walks.top_down import Effort, filled_inside
from tests.builders import grid_workload
from tests.solve.walks.test_anneal import filled, tree_over


def limits():
    """Limits that nothing here meets."""
    return Control(20.0, deterministic=True)


def test_charges_are_worked_out_once(monkeypatch):
    """Asked twice, or by two threads, the relaxation is solved once; the step's time is given back."""
    _, tree, costs, _ = filled(7)
    solved = []
    original = guide.look_ahead

    def counted(*job):
        solved.append(job)
        return original(*job)

    monkeypatch.setattr(guide, "look_ahead", counted)
    mine, control = Guide(tree, costs), limits()
    ends_s = control.step_ends_s
    assert mine.charges(control) is mine.charges(control)
    assert len(solved) == 1
    assert control.step_ends_s == ends_s


@pytest.mark.parametrize("seed", [1, 2, 4, 5, 7, 8])
def test_the_innermost_tier_is_charged_nothing(seed):
    """Tables are of tiers with others inside, one row a stage, nothing for no cells."""
    _, tree, costs, _ = filled(seed)
    charges = Guide(tree, costs).charges(limits())
    assert tree.levels[0].tier not in charges
    for table in charges.values():
        assert table.shape == (costs.stages, costs.replicas + 1)
        assert (table[:, 0] == 0).all()


def test_charges_decide_what_outer_domains_hold():
    """Two racks hold a stage each, and half of each stage where wide ones are charged very much."""
    tree = tree_over([[2, 2], [2, 2]], 2, 4)
    job = grid_workload(dp=4, pp=2, families=[("dp", "all_reduce", 4), ("pp", "path", 1)])
    costs = reduce_costs(job.families, candidate_blocks(job.mesh)[0])
    charge = np.where(np.arange(5) > 2, 1e3, 0.0) * np.ones((2, 1))
    held = []
    for charges in ({}, {tree.levels[1].tier: charge}):
        effort = Effort(200, charges=charges)
        widths = filled_inside(tree, costs, 2, np.full((1, 2), 4, np.int32), effort, 0, limits())
        held.append(sorted(summed(widths, tree.levels[0].parent, 2).tolist()))
    assert held == [[[0, 4], [4, 0]], [[2, 2], [2, 2]]]
