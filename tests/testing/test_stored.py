"""Comparison with a stored placement: what moved, by host name, and which ranks may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.errors import InputError
from planner.placement.file import write_placement
from planner.testing import PlacementAssertionError, assert_moved_at_most, assert_unchanged
from planner.testing.stored import parse_ranks
from tests.builders import claimed, grid_cluster, grid_workload


def placed(gpus=range(8), cluster=None):
    """Eight ranks on two nodes of four GPUs."""
    return claimed(cluster or grid_cluster(2, 4), grid_workload(tp=4, dp=2), gpus)


SWAPPED = [4, 1, 2, 3, 0, 5, 6, 7]


def test_unchanged_holds():
    """A placement is unchanged against itself, and against one in which only excepted ranks moved."""
    assert_unchanged(placed(), placed())
    assert_unchanged(placed(SWAPPED), placed(), except_ranks=[0, 4])
    assert_unchanged(placed(SWAPPED), placed(), except_ranks="0,4-5")


def test_unchanged_names_ranks_and_both_places():
    """Each moved rank is named with where it is and where it was."""
    with pytest.raises(PlacementAssertionError) as caught:
        assert_unchanged(placed(SWAPPED), placed(), except_ranks=[0])
    assert str(caught.value).splitlines() == [
        "1 rank moved against the stored placement: 4",
        "  rank 4 (tp=0 dp=1) on n00/gpu0, was on n01/gpu0",
    ]


def test_unchanged_reads_a_file(tmp_path):
    """The stored placement may be a file."""
    stored = tmp_path / "stored.json"
    write_placement(placed(), stored)
    assert_unchanged(placed(), stored)
    with pytest.raises(PlacementAssertionError, match="2 ranks moved"):
        assert_unchanged(placed(SWAPPED), stored)


def test_hosts_are_compared_by_name():
    """A topology in which the hosts stand in another order changes nothing, another name does."""
    cluster = grid_cluster(2, 4)
    turned = replace(cluster, host_names=list(reversed(cluster.host_names)))
    assert_unchanged(placed([4, 5, 6, 7, 0, 1, 2, 3], turned), placed())
    renamed = replace(cluster, host_names=["n00", "new"])
    with pytest.raises(PlacementAssertionError, match="4 ranks moved against the stored placement: 4-7"):
        assert_unchanged(placed(cluster=renamed), placed())


def test_moved_at_most():
    """The number of moved ranks is compared."""
    assert_moved_at_most(placed(SWAPPED), placed(), ranks=2)
    with pytest.raises(PlacementAssertionError, match=r"2 ranks moved .* expected at most 1: 0, 4"):
        assert_moved_at_most(placed(SWAPPED), placed(), ranks=1)


def test_another_world_size_is_a_change():
    """A stored placement of another job differs as a whole."""
    other = claimed(grid_cluster(2, 4), grid_workload(tp=4), range(4))
    with pytest.raises(PlacementAssertionError, match="8 ranks, the stored placement has 4"):
        assert_unchanged(placed(), other)


@pytest.mark.parametrize(
    ("ranks", "expected"),
    [("", []), ([], []), ("0-2,7", [0, 1, 2, 7]), (" 3 , 5 ", [3, 5]), ([1, 2], [1, 2])],
)
def test_parse_ranks(ranks, expected):
    """Lists and texts of ranges name ranks."""
    assert parse_ranks(ranks, 8).tolist() == expected


@pytest.mark.parametrize("ranks", ["a", "1-", "-1", "8", "5-3", [8], [-1], "1,,2"])
def test_parse_ranks_refuses(ranks):
    """Ranks that are not there, or no ranges, are an error of the rule."""
    with pytest.raises(InputError) as caught:
        parse_ranks(ranks, 8)
    assert caught.value.problems[0].code == "R014"
