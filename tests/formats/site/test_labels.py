from __future__ import annotations

import pytest

from planner.formats.site.labels import clean, common_name, name_domains, unique


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MF0;leaf-04:MQM9701/U1", "leaf-04"),
        ("MF0;core:IS5600/L01/U1", "core-L01-U1"),
        ("MF0;sw 1:X", "sw-1"),
        ("leaf 1 (old)", "leaf-1-old"),
        ("-.a.-", "a"),
        ("()", ""),
    ],
)
def test_clean(text, expected):
    """Managed switches give their own names; what a name can't have becomes a dash."""
    assert clean(text) == expected


def test_unique():
    """A name that is taken gets the mark, then a number."""
    assert unique("a", {"b"}) == "a"
    assert unique("a", {"a"}, "x1") == "a-x1"
    assert unique("a", {"a", "a-x1"}, "x1") == "a-2"
    assert unique("a", {"a", "a-2"}) == "a-3"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["r1-n1", "r1-n2", "r1-n3"], "r1"),
        (["r1-n1", "r1-n2", "other"], "r1"),
        (["rack1", "rack1-a", "z"], ""),
        (["one"], "one"),
        (["n(1"], ""),
        (["a-b1-x1", "a-b1-y2", "a-b2-z"], "a-b1"),
    ],
)
def test_common_name(names, expected):
    """What most of the names share before their last word."""
    assert common_name(names) == expected


def test_name_domains():
    """The first kind of candidate that tells all domains apart, else numbers."""
    assert name_domains("unit", [["a", "x"], ["b", "y"]]) == ["a", "b"]
    assert name_domains("unit", [["a", "x"], ["a", "y"]]) == ["x", "y"]
    assert name_domains("unit", [["", "x"]] * 10)[::9] == ["unit01", "unit10"]
