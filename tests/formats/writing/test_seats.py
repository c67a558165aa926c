"""A placement as launchers see it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.errors import UsageError
from planner.formats.writing.seats import Host, host_of_rank, hosts_of, require_plain_names, runs
from tests.formats.jobs import irregular


def test_hosts_in_order_of_their_lowest_rank():
    """Each host has its ranks ascending, and the GPU of each."""
    assert hosts_of(irregular()) == (
        Host("r01-n00", (0, 3, 9), (5, 0, 2)),
        Host("r00-n01", (1, 2, 4, 6, 8), (7, 6, 4, 1, 0)),
        Host("r00-n00", (5, 7), (1, 3)),
    )


def test_consecutive():
    """Only a host whose ranks have no gap is."""
    assert Host("a", (3, 4, 5), (0, 1, 2)).consecutive
    assert not Host("a", (3, 5), (0, 1)).consecutive


def test_runs():
    """A name that comes back comes again."""
    assert [*runs("aabba")] == [("a", 2), ("b", 2), ("a", 1)]
    assert [*runs([])] == []
    names = host_of_rank(irregular())
    assert [name for name, count in runs(names) for _ in range(count)] == names


@pytest.mark.parametrize(
    "name", ["a b", "a,b", "a[1-2]", "../a", "-a", "", "a:1", "a\nb", "hôte", "$(x)", "a-"]
)
def test_names_that_launchers_would_misread(name):
    """They are refused before anything is written."""
    with pytest.raises(UsageError) as caught:
        require_plain_names([Host("fine-1.example", (0,), (0,)), Host(name, (1,), (0,))], "slurm")
    assert caught.value.problems[0].code == "E003"


def test_names_of_real_hosts_are_fine():
    """Those of the test's own cluster among them."""
    require_plain_names([*hosts_of(irregular()), replace(hosts_of(irregular())[0], name="Node_1.a-b.c")], "x")
