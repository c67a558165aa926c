from __future__ import annotations

from planner.formats.site.derive import derive
from planner.formats.site.site import Host, Link, Node, Site
from planner.topology.names import is_name
from tests.formats.site.fabrics import SPEED, codes, fabric, partition, two_tier


def units(*sizes):
    """Host names of units as `two_tier` makes them."""
    return {frozenset(f"u{unit}-h{number}" for number in range(size)) for unit, size in enumerate(sizes)}


def test_leaf_groups():
    """Hosts that share the leaves of their rails form a unit, whose uplink is what leaves go up by."""
    site = derive(two_tier(units=3, rails=2, hosts=4, spines=2))
    assert site.tiers == ["unit"]
    assert partition(site, "unit") == units(4, 4, 4)
    assert site.uplink_bytes_per_s == {"unit": dict.fromkeys(("u0", "u1", "u2"), 4 * SPEED)}
    assert site.findings == []


def test_single_rail():
    """With one leaf a group the tier is called leaf, and its domains as the leaves."""
    site = derive(two_tier(units=2, rails=1))
    assert site.tiers == ["leaf"]
    assert {host.groups["leaf"] for host in site.hosts.values()} == {"leaf0-0", "leaf1-0"}


def test_pods():
    """Leaves that share switches above form pods; what joins the pods is the cluster, no tier."""
    beneath = {f"l{i}": [f"h{i}{j}" for j in range(2)] for i in range(4)}
    above = [(f"l{i}", f"agg{i // 2}{k}") for i in range(4) for k in range(2)]
    above += [(f"agg{i}{k}", f"core{k}", 3) for i in range(2) for k in range(2)]
    site = derive(fabric(beneath, above))
    assert site.tiers == ["leaf", "pod"]
    assert partition(site, "pod") == {
        frozenset({"h00", "h01", "h10", "h11"}),
        frozenset({"h20", "h21", "h30", "h31"}),
    }
    assert set(site.uplink_bytes_per_s["leaf"].values()) == {2 * SPEED}
    assert set(site.uplink_bytes_per_s["pod"].values()) == {6 * SPEED}


def test_host_in_two_groups():
    """A host with a cable to another group's leaf joins no groups: it stays, and is reported where."""
    site = two_tier()
    site.links.append(Link(("u1-h2", "leaf2-0"), SPEED, position=site.links[-1].position))
    derive(site)
    assert partition(site, "unit") == units(4, 4, 4)
    (finding,) = site.findings
    assert finding.code == "I030"
    assert "'u1-h2'" in finding.message
    assert "'leaf2-0'" in finding.message
    assert finding.position == site.links[-1].position


def test_node_in_two_small_leaves():
    """A node listed under two leaves, as Slurm allows, is kept under the first."""
    site = derive(fabric({"a": ["n1", "n2"], "b": ["n2", "n3"]}, [("a", "s"), ("b", "s")]))
    assert partition(site, "leaf") == {frozenset({"n1", "n2"}), frozenset({"n3"})}
    assert codes(site) == ["I030"]


def test_host_under_a_spine():
    """A host on a spine makes no leaf of the spine."""
    site = two_tier()
    site.links.append(Link(("u0-h0", "spine0"), SPEED, position=site.links[0].position))
    derive(site)
    assert partition(site, "unit") == units(4, 4, 4)
    (finding,) = site.findings
    assert (finding.code, finding.position) == ("I031", site.links[0].position)


def test_host_only_under_a_spine():
    """A host that hangs on nothing but a spine, such as a manager's, has a domain of its own."""
    site = two_tier()
    site.hosts["manager"] = Host("manager")
    site.links.append(Link(("manager", "spine0"), SPEED))
    derive(site)
    assert partition(site, "unit") == units(4, 4, 4) | {frozenset({"manager"})}
    assert codes(site) == ["I031"]


def test_leaf_joined_to_another_pod():
    """A leaf with one cable to another pod's switch stays in its pod and is reported."""
    beneath = {f"l{i}": [f"h{i}{j}" for j in range(2)] for i in range(4)}
    above = [(f"l{i}", f"agg{i // 2}{k}") for i in range(4) for k in range(2)]
    above += [(f"agg{i}{k}", "core") for i in range(2) for k in range(2)] + [("l0", "agg10")]
    site = derive(fabric(beneath, above))
    assert len(partition(site, "pod")) == 2
    assert codes(site) == ["I032"]
    assert site.findings[0].position == site.links[-1].position


def test_lost_trunks_lower_the_uplink():
    """A domain that lost links has less uplink than the others, and is no other domain for it."""
    site = two_tier(units=3, rails=1, spines=3)
    site.links.remove(next(link for link in site.links if link.ends == ("leaf1-0", "spine2")))
    derive(site)
    assert site.uplink_bytes_per_s == {
        "leaf": {"leaf0-0": 3 * SPEED, "leaf1-0": 2 * SPEED, "leaf2-0": 3 * SPEED}
    }


def test_unknown_bandwidth():
    """Links without a bandwidth give tiers without uplinks."""
    site = fabric({"a": ["n1", "n2"], "b": ["n3", "n4"]}, [("a", "s"), ("b", "s")], speed=None)
    derive(site)
    assert site.tiers == ["leaf"]
    assert site.uplink_bytes_per_s == {}


def test_tree_beside_a_fabric():
    """A tree without bandwidths beside a fabric with them changes neither its groups nor its uplinks."""
    site, tree = (
        two_tier(),
        fabric({f"rack{u}": [f"u{u}-h{n}" for n in range(4)] for u in range(3)}, speed=None),
    )
    site.switches |= tree.switches
    site.links += tree.links
    derive(site)
    assert partition(site, "unit") == units(4, 4, 4)
    assert set(site.uplink_bytes_per_s["unit"].values()) == {4 * SPEED}


def test_no_common_root():
    """Trees that nothing joins are parts of one cluster, with a finding."""
    beneath = {f"l{i}": [f"h{i}{j}" for j in range(2)] for i in range(4)}
    site = derive(fabric(beneath, [(f"l{i}", f"root{i // 2}") for i in range(4)]))
    assert site.tiers == ["leaf", "pod"]
    assert codes(site) == ["I037"]


def test_alike_tiers_are_one():
    """A tier whose domains are those of the one beneath is left out, the narrower uplink kept."""
    above = [(f"l{i}", f"m{i}", 4) for i in range(2)] + [(f"m{i}", "root") for i in range(2)]
    site = derive(fabric({"l0": ["a", "b"], "l1": ["c", "d"]}, above))
    assert site.tiers == ["leaf"]
    assert site.uplink_bytes_per_s["leaf"] == {"l0": SPEED, "l1": SPEED}


def test_one_leaf():
    """A single switch is the whole cluster: no tier between node and cluster."""
    site = derive(fabric({"only": ["a", "b", "c"]}))
    assert site.tiers == []
    assert site.findings == []


def test_levels_given():
    """A tree of uneven depth keeps the levels that its source gives."""
    beneath = {"a": ["n1", "n2"], "b": ["n3", "n4"], "c": ["n5", "n6"]}
    above = [("b", "mid"), ("c", "mid"), ("mid", "root"), ("a", "root")]
    site = derive(fabric(beneath, above, levels={"a": 1, "b": 1, "c": 1, "mid": 2, "root": 3}))
    assert site.tiers == ["leaf", "pod"]
    assert partition(site, "pod") == {frozenset({"n1", "n2"}), frozenset({"n3", "n4", "n5", "n6"})}


def test_loops_and_strangers():
    """Links in a circle, to the switch itself or to nobody do no harm."""
    site = two_tier()
    site.links += [
        Link(("spine0", "spine1"), SPEED),
        Link(("leaf0-0", "leaf0-0"), SPEED),
        Link(("leaf0-0", "nobody"), SPEED),
    ]
    derive(site)
    assert partition(site, "unit") == units(4, 4, 4)
    assert codes(site) == ["I033"]


def test_host_without_links():
    """A host that no link leads to is kept, in a domain of its own."""
    site = two_tier()
    site.hosts["lost"] = Host("lost")
    derive(site)
    assert partition(site, "unit") == units(4, 4, 4) | {frozenset({"lost"})}
    assert codes(site) == ["I034"]


def test_host_without_links_and_gpus():
    """A host to log in to, which has no GPU, is no finding."""
    site = two_tier()
    site.hosts["login"] = Host("login", Node(gpus=0))
    derive(site)
    assert codes(site) == []


def test_no_switches():
    """A site without switches keeps the tiers that its source names."""
    site = Site(hosts={"a": Host("a", groups={"rack": "r1"})}, tiers=["rack"])
    assert derive(site).tiers == ["rack"]


def test_names_can_be_written():
    """Domains have names that a topology file can hold, whatever their switches are called."""
    beneath = {f"MF0;leaf {i}:MQM9700/U1": [f"h{i}", f"g{i}"] for i in range(3)}
    site = derive(fabric(beneath, [(leaf, "spine") for leaf in beneath]))
    assert {host.groups["leaf"] for host in site.hosts.values()} == {"leaf-0", "leaf-1", "leaf-2"}
    odd = derive(fabric({"(": ["a b", "c"], ")": ["d", "e"]}, [("(", "s"), (")", "s")]))
    assert all(is_name(host.groups["leaf"]) for host in odd.hosts.values())


def test_derive_again():
    """A second time changes nothing."""
    site = derive(two_tier())
    groups = {name: dict(host.groups) for name, host in site.hosts.items()}
    derive(site)
    assert {name: host.groups for name, host in site.hosts.items()} == groups
    assert site.findings == []


def test_host_and_switch():
    """What one source calls a host and another a switch is a switch."""
    site = two_tier()
    site.hosts["spine0"] = Host("spine0")
    derive(site)
    assert "spine0" not in site.hosts
    assert codes(site) == ["I039"]
