"""Classes of stages: what is folded is a relaxation, and an easier one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.solve.joint.fold import Fold, Vectors
from planner.solve.joint.joint import JointProgramme
from planner.solve.joint.pools import Groups, joined_classes, weighty_levels
from planner.solve.setup.control import Control
from tests.solve.exact.test_nested import least
from tests.solve.joint.test_joint import DEEP_LARGER, RELATIVE, drawn


def test_stages_fold_from_both_ends():
    """Stages as far from either end are one class, and all farther than asked one more."""
    costs = drawn(0)[4].costs.of_run(0, 1)
    fold = Fold.of(_path(costs, 7), 2)
    assert fold.of_stage.tolist() == [0, 1, 2, 2, 2, 1, 0]
    assert fold.sizes.tolist() == [2, 2, 3]
    assert (fold.first.tolist(), fold.ends.tolist()) == ([0, 1, 2], [0, 1, 2, 4, 5, 6])


def test_stages_that_pay_unlike_are_no_class():
    """A stage with another payload has a class of its own, however far from the ends."""
    costs = _path(drawn(0)[4].costs.of_run(0, 1), 7)
    unlike = replace(costs, terms=(("touched", 9, np.asarray([2.0, 2.0, 2.0, 3.0, 2.0, 2.0, 2.0])),))
    assert Fold.of(unlike, 1).of_stage.tolist() == [0, 1, 1, 2, 1, 1, 0]


def test_vectors_are_asked_once(monkeypatch):
    """What is found of a vector is kept: f, the key of those alike, and its cells of every class."""
    costs = _path(drawn(0)[4].costs.of_run(0, 1), 4)
    vectors, one = Vectors(costs, Fold.of(costs, 1)), np.asarray([3, 1, 0, 2], np.int32)
    paid, alike, cells = vectors.of(one)
    assert paid == costs.domain_bytes(one[None])[0]
    assert alike == Fold.of(costs, 1).alike(one)
    assert cells.tolist() == [5.0, 1.0]
    monkeypatch.setattr(type(costs), "domain_bytes", lambda *_: pytest.fail("asked again"))
    assert vectors.of(one.copy()) is vectors.of(one)


def test_vectors_are_alike_in_every_order_of_a_class():
    """Widths that change places within a class make no difference, across classes they do."""
    fold = Fold(np.asarray([0, 1, 1, 0], np.int32))
    one = np.asarray([3, 1, 0, 2], np.int32)
    assert fold.alike(one) == fold.alike(np.asarray([2, 0, 1, 3], np.int32))
    assert fold.alike(one) != fold.alike(np.asarray([1, 3, 0, 2], np.int32))


@pytest.mark.parametrize("seed", range(12))
def test_folded_programmes_are_valid(seed):
    """Whatever the classes of domains, no folded bound is above the best placement."""
    _, _, problem, layout, nest, constants = drawn(100 + seed, DEEP_LARGER, 12)
    best, _ = least(problem, layout, nest)
    levels = weighty_levels(nest.tree, nest.costs)
    for classes in (
        joined_classes(levels, layout.cells),
        Groups.counted(nest.tree, levels).classes(layout.cells),
        Groups.separate(nest.tree, levels).classes(layout.cells),
    ):
        for ends in (0, 1, 2):
            programme = JointProgramme(nest.costs, levels, classes, Fold.of(nest.costs, ends))
            programme.solve(Control(60.0))
            assert -np.inf < programme.bound + constants <= best * (1 + RELATIVE) + 1e-12


def _path(costs, stages):
    """The terms of one stage for so many."""
    terms = tuple((form, cells, np.repeat(each, stages)) for form, cells, each in costs.terms)
    return replace(costs, stages=stages, terms=terms, v=np.ones(stages - 1), rungs=np.zeros(stages // 2))
