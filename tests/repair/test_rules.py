"""What rules bind together."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.groups import groups_along
from planner.repair.rules import joined
from tests.builders import grid_workload


def merged(part, members):
    """Parts that hold whole old parts and whole groups, merged one group after another."""
    found = part.astype(np.int64)
    for group in members:
        numbers = np.unique(found[group])
        found[np.isin(found, numbers)] = numbers.min()
    return found


@pytest.mark.parametrize(
    "axes", [("dp",), ("pp",), ("tp",), ("ep",), ("ep", "pp"), ("tp", "dp"), ("dp", "ep")]
)
def test_joined(axes):
    """Single ranks to groups, and these to larger parts, numbered by their first rank."""
    mesh = grid_workload(tp=2, pp=3, dp=4, ep=2).mesh
    part = np.arange(24, dtype=np.int32)
    for axis in axes:
        members = groups_along(mesh, (axis,)).members
        wanted = np.unique(merged(part, members), return_inverse=True)[1]
        part = joined(part, members)
        assert part.tolist() == wanted.tolist()
        first = [int(np.flatnonzero(part == each)[0]) for each in range(int(part.max()) + 1)]
        assert first == sorted(first)
