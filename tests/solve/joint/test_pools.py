"""Classes of domains: every domain is in one, and a vector fits as many as have room for it."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.joint.pools import (
    Domains,
    Groups,
    joined_classes,
    pooled,
    weighty_levels,
)
from tests.solve.joint.test_joint import DEEP_LARGER, drawn


@pytest.mark.parametrize("seed", range(12))
def test_classes_count_every_domain(seed):
    """Every domain with room is in one class; rows join each class to those inside it."""
    _, _, _, layout, nest, _ = drawn(seed, DEEP_LARGER, 12)
    levels = weighty_levels(nest.tree, nest.costs)
    for classes in (
        joined_classes(levels, layout.cells),
        Groups.counted(nest.tree, levels).classes(layout.cells),
        Groups.separate(nest.tree, levels).classes(layout.cells),
    ):
        for index, level in enumerate(levels):
            mine = [each for each in classes if each.level == index]
            assert sum(each.count for each in mine) == int((level.room > 0).sum())
            rooms = np.minimum(level.room, layout.cells)
            assert sum(each.count * each.room for each in mine) == int(rooms.sum())
            assert all((each.own is None) == (index == 0) for each in mine)
        opened = {each.own for each in classes if each.own is not None}
        assert {each.outer for each in classes if each.level < len(levels) - 1} <= opened


def test_domains_that_differ_in_room_alone_are_one_pool():
    """Rooms rise, and as many vectors of more cells fit as domains have more room."""
    classes = [Domains(0, 2, 8, 1, None), Domains(0, 3, 5, 1, None), Domains(0, 1, 8, 2, None)]
    first, second = pooled(classes)
    assert (first.rooms, first.counts) == ((5, 8), (3, 2))
    assert list(first.limits) == [(0, 5), (5, 2)]
    assert (second.outer, second.rooms, second.counts) == (2, (8,), (1,))
