"""Names of ranks, groups and domains."""

from __future__ import annotations

import pytest

from planner.placement.wording import coordinates_name, group_name, plural, ranges, shown
from planner.workload.mesh import Mesh
from tests.builders import grid_family


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([3], "3"), ([0, 1, 2], "0-2"), ([5, 0, 1, 9], "0-1, 5, 9"), (range(0, 20, 2), "0, 2, 4, 6 and 6 more")],
)
def test_ranges(numbers, text):
    """Runs in ascending order, the rest counted."""
    assert ranges(list(numbers)) == text


def test_shown_and_plural():
    """Counts agree with their nouns."""
    assert shown(["a", "b"], 1) == "a and 1 more"
    assert plural(1, "rank") == "1 rank"
    assert plural(2048, "rank") == "2,048 ranks"


def test_coordinates_leave_out_axes_of_one():
    """Only axes of more than one rank are told, and the folded ones only with experts."""
    assert coordinates_name(Mesh(tp=2, dp=2, pp=2), 5) == "tp=1 dp=0 pp=1"
    assert coordinates_name(Mesh(ep=2, dp=4), 3) == "ep=1 edp=1 dp=3"


def test_group_names():
    """A group is named by what its ranks have in common."""
    mesh = Mesh(tp=2, ep=2, dp=4, pp=2)
    assert group_name(mesh, grid_family("dp", "all_reduce", 1, mesh=mesh), 9) == "dp of tp=1 pp=1"
    assert group_name(mesh, grid_family("ep", "all_to_all", 1, mesh=mesh), 9) == "ep of tp=1 edp=0 pp=1"
    assert group_name(Mesh(dp=4), grid_family("dp", "all_reduce", 1), 0) == "dp"
