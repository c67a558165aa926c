from __future__ import annotations

from planner.formats.site.groups import group


def beneath(**switches):
    """Things beneath each switch, one letter each, all of the same weight."""
    return {name: dict.fromkeys(things, 1.0) for name, things in switches.items()}


def test_rails():
    """Switches with the same things beneath are one group, whatever order they come in."""
    found = group(beneath(a0="abcd", b0="efgh", b1="efgh", a1="abcd"))
    assert found.switches == [["a0", "a1"], ["b0", "b1"]]
    assert found.strays == {}


def test_missing_cables():
    """Switches that lack some of the things join those that have more than half of theirs."""
    assert group(beneath(a="abcdefgh", b="bdgh", c="a")).switches == [["a", "b", "c"]]


def test_wrong_cable():
    """A thing with a cable to another group joins no groups and is a stray, kept where most cables go."""
    found = group(beneath(a0="abcd", a1="abcd", b0="efgha", b1="efgh"))
    assert found.switches == [["a0", "a1"], ["b0", "b1"]]
    assert found.group_of["a"] == 0
    assert found.strays == {"a": ["b0"]}


def test_weight_counts():
    """A thing belongs where most of its bandwidth goes, not most of its links."""
    links = beneath(a0="abcd", a1="abcd", b0="efgha", b1="efgh")
    links["b0"]["a"] = 9.0
    found = group(links)
    assert found.group_of["a"] == 1
    assert found.strays == {"a": ["a0", "a1"]}


def test_half_is_not_most():
    """Two switches of which one has half of the other's things are two groups."""
    assert len(group(beneath(a="ab", b="bc")).switches) == 2


def test_too_much_in_common():
    """Groups that share many things are one: that is how the fabric is wired."""
    found = group(beneath(a0="abcdefgh", a1="ijklmnop", b0="abcdijkl", b1="efghmnop"))
    assert found.switches == [["a0", "a1", "b0", "b1"]]
    assert found.strays == {}


def test_nothing():
    """No switches, no groups."""
    assert group({}).switches == []
