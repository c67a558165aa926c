from __future__ import annotations

from planner.formats.site.derive import derive
from planner.formats.site.site import Link
from planner.formats.site.trunks import Trunk, trunks
from tests.formats.site.fabrics import SPEED, fabric, two_tier


def by_units(site):
    """Paths of hosts: their unit and their name."""
    return {name: (*reversed(host.groups.values()), name) for name, host in site.hosts.items()}


def test_complete_blocks():
    """All pairs that have the same links are one row; hosts have one for each leaf and adapter."""
    site = derive(two_tier(units=2, rails=2, hosts=3, spines=2, links=4))
    made = trunks(site, by_units(site))
    assert made.switches == ["leaf[0-1]-[0-1]", "spine[0-1]"]
    assert made.rows == [
        Trunk(("leaf[0-1]-[0-1]", "spine[0-1]"), SPEED, 4),
        Trunk(("u0/u0-h[0-2]", "leaf0-0"), SPEED, 1, 0),
        Trunk(("u1/u1-h[0-2]", "leaf1-0"), SPEED, 1, 0),
        Trunk(("u0/u0-h[0-2]", "leaf0-1"), SPEED, 1, 1),
        Trunk(("u1/u1-h[0-2]", "leaf1-1"), SPEED, 1, 1),
    ]
    assert made.complete


def test_missing_and_thin_links():
    """Pairs with fewer links, slower ones or none have rows of their own or none."""
    site = fabric(
        {f"leaf{i}": [f"h{i}"] for i in range(4)},
        [(f"leaf{i}", f"s{j}", 2) for i in range(4) for j in range(3)],
    )
    site.links.remove(next(link for link in site.links if link.ends == ("leaf1", "s2")))
    place = next(place for place, link in enumerate(site.links) if link.ends == ("leaf2", "s0"))
    site.links[place] = Link(("leaf2", "s0"), SPEED)
    site.links.append(Link(("s0", "leaf2"), SPEED / 2))
    made = trunks(derive(site), {})
    assert made.rows == [
        Trunk(("leaf[0,3]", "s[0-2]"), SPEED, 2),
        Trunk(("leaf1", "s[0-1]"), SPEED, 2),
        Trunk(("leaf2", "s[1-2]"), SPEED, 2),
        Trunk(("leaf2", "s0"), SPEED, 1),
        Trunk(("leaf2", "s0"), SPEED / 2, 1),
    ]


def test_parallel_links_add_up():
    """Links that are described one by one are counted together, whichever end comes first."""
    site = fabric({"a": ["n1"], "b": ["n2"]}, [("a", "s"), ("s", "a"), ("b", "s", 2)])
    made = trunks(derive(site), {})
    assert made.rows == [Trunk(("a,b", "s"), SPEED, 2)]


def test_names():
    """Switches get names that a file can hold and that no node has."""
    site = derive(fabric({"MF0;leaf/1:X/U1": ["a"], "a": ["b"], "(": ["c"]}))
    made = trunks(site, {"a": ("a",), "b": ("b",), "c": ("c",)})
    assert made.names == {"MF0;leaf/1:X/U1": "leaf-1", "a": "a-2", "(": "switch"}


def test_unknown_bandwidth():
    """Links of unknown bandwidth are left out, and the fabric is not complete."""
    site = derive(fabric({"a": ["n1"]}, speed=None))
    assert trunks(site, {"n1": ("n1",)}).rows == []
    assert trunks(site, {"n1": ("n1",)}).switches == []
    assert not trunks(site, {"n1": ("n1",)}).complete
