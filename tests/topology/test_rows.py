"""Rows as arrays of domains."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.topology.rows import build_grid, check_template, host_names

TIERS = ["node", "rack", "cluster"]


def test_domains_are_numbered_as_they_are_first_named():
    """Rows may be in any order and share domains; numbers follow the first mention."""
    grid = build_grid(TIERS, [[["b", "a"], ["n1"]], [["a", "c"], ["n2", "n3"]]])
    node, rack, cluster = grid.tiers
    assert rack.names == ["b", "a", "c"]
    assert node.names == ["n1", "n1", "n2", "n3", "n2", "n3"]
    assert node.parent.tolist() == [0, 1, 1, 1, 2, 2]
    assert rack.parent.tolist() == [0, 0, 0]
    assert cluster.names == ["cluster"]
    assert grid.row_of_node.tolist() == [0, 0, 1, 1, 1, 1]
    assert not len(grid.repeated)


@pytest.mark.parametrize(
    ("rows", "repeated"),
    [
        ([[["a"], ["n1", "n1"]]], [1]),
        ([[["a", "a"], ["n1", "n2"]]], [2, 3]),
        ([[["a", "b"], ["n1"]], [["b"], ["n0", "n1"]]], [3]),
    ],
)
def test_repeated_nodes(rows, repeated):
    """Every instance of a node after the first is told."""
    assert build_grid(TIERS, rows).repeated.tolist() == repeated


def test_host_names():
    """By default the names of the path, outermost first; else what the template says."""
    names = [["r1", "r2"], ["n1", "n2"]]
    assert host_names(TIERS, names, None) == ["r1-n1", "r1-n2", "r2-n1", "r2-n2"]
    assert host_names(TIERS, names, "x{node}.{rack}") == ["xn1.r1", "xn2.r1", "xn1.r2", "xn2.r2"]
    assert host_names(TIERS, names, "{node}{node}") == ["n1n1", "n2n2", "n1n1", "n2n2"]


@pytest.mark.parametrize("template", ["{node}", "{rack}-{node}.example.org", "x"])
def test_templates(template):
    """Text and plain tier names make a template."""
    check_template(template, TIERS)


@pytest.mark.parametrize(
    "template",
    [
        "{",
        "}",
        "{}",
        "{0}",
        "{rak}",
        "{cluster}",
        "{node.x}",
        "{node[0]}",
        "{node!r}",
        "{node:>9}",
        "a b",
        "a/b",
    ],
)
def test_templates_refused(template):
    """Anything else in braces, and what no host name can hold, is refused."""
    with pytest.raises(InputError) as caught:
        check_template(template, TIERS)
    assert caught.value.problems[0].code == "T007"
