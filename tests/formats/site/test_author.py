"""Sites as topology files."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import InputError
from planner.formats.site.author import author
from planner.formats.site.given import Given
from planner.formats.site.site import Host, Link, Nic, Node, Site, Switch
from planner.source import parse_document
from planner.topology.load import to_cluster
from planner.topology.names import is_name

SPEEDS = st.sampled_from([12.5e9, 25e9, 50e9, 100e9, 33333333333.3])
REASONS = st.sampled_from(["state DRAIN", 'Xid 79: fell off the bus\n"quoted" # and all', ""])
WORDS = st.one_of(
    st.builds("{}{:02d}".format, st.sampled_from(["n", "gpu-", "r1n", "1e", "0x"]), st.integers(0, 30)),
    st.builds("ip-10-0-{}-{}.ec2.internal".format, st.integers(0, 2), st.integers(0, 20)),
    st.text(min_size=1, max_size=8),
    st.sampled_from(
        ["null", "true", "007", "12:30", "1_000", "*", "a/b", "a,b", "[1-3]", "host\x1b[0m", "-"]
    ),
)


def loaded(text):
    """The cluster that a file's text is."""
    return to_cluster(parse_document(text))


@st.composite
def nodes(draw):
    """What a host is made of: nothing known, or some of it, with some of that broken."""
    gpus = draw(st.sampled_from([None, 0, 1, 4, 8]))
    nics = None
    if draw(st.booleans()):
        count = draw(st.integers(1, 4))
        places = draw(st.permutations(range(count + 1)))[:count] if draw(st.booleans()) else [None] * count
        speed = draw(SPEEDS)
        nics = [
            Nic(
                f"mlx5_{index}",
                draw(st.sampled_from([speed, speed, speed / 2, None])),
                rail,
                draw(st.none() | REASONS) if draw(st.booleans()) else None,
            )
            for index, rail in enumerate(places)
        ]
    down = {index: draw(REASONS) for index in range(gpus or 0) if draw(st.integers(0, 5)) == 0}
    model = draw(st.sampled_from([None, "h100", "NVIDIA H100 80GB HBM3", "Radeon 9", 'odd "model"']))
    return Node(gpus, model, down, nics, draw(st.sampled_from([None, None, 450e9])))


@st.composite
def sites(draw):
    """Any site: nested or crossing groups, hosts outside of them, NVLink domains of any shape."""
    tiers = draw(st.sampled_from([[], ["leaf"], ["leaf", "pod"], ["rack unit", "gpus", "node"]]))
    hosts = {}
    for name in draw(st.lists(WORDS, min_size=1, max_size=12, unique=True)):
        groups = {tier: f"{tier}{draw(st.integers(0, 2))}" for tier in tiers if draw(st.integers(0, 9))}
        hosts[name] = Host(
            name,
            draw(nodes()),
            groups,
            draw(st.sampled_from([None, "nvl1", "nvl2"])),
            draw(st.none() | REASONS),
            draw(st.sampled_from([None, None, "kept"])),
        )
    uplinks = {
        tier: {f"{tier}{number}": draw(st.sampled_from([1e12, 0.4e12, 0.0])) for number in range(2)}
        for tier in tiers
        if draw(st.booleans())
    }
    return Site(draw(WORDS), hosts, tiers=tiers, uplink_bytes_per_s=uplinks, node=draw(nodes()))


def written(site):
    """The text, or nothing where no host has GPUs."""
    try:
        return author(site)
    except InputError as error:
        return None if error.problems[0].code == "I002" else pytest.fail(str(error))


@settings(max_examples=40)
@given(sites())
def test_whatever_a_site_says_loads_as_it_says(site):
    """Hosts, GPUs, NICs and their health are the same after authoring and loading."""
    text = written(site)
    if text is None:
        return
    cluster = loaded(text)
    place = {name: node for node, name in enumerate(cluster.host_names)}
    for host in site.hosts.values():
        gpus = host.node.gpus if host.node.gpus is not None else site.node.gpus
        if gpus == 0:
            assert host.name not in place
            continue
        if not is_name(host.name):
            assert any(
                problem.code == "I013" and repr(host.name) in problem.message for problem in site.findings
            )
            continue
        node = place.pop(host.name)
        own = cluster.gpu_node == node
        assert own.sum() == gpus if gpus else own.any()
        _check_health(cluster, node, host, site)
    assert all(not is_name(name) or name not in site.hosts for name in place)


def _check_health(cluster, node, host, site):
    own, own_nics = cluster.gpu_node == node, cluster.nic_node == node
    nics = host.node.nics or site.node.nics
    if nics:
        assert own_nics.sum() >= len(nics)
    if host.down is not None:
        assert not cluster.gpu_in_service[own].any()
        return
    if nics and all(nic.down is None for nic in nics):
        holes = own_nics.sum() - len(nics)
        assert (~cluster.nic_in_service[own_nics]).sum() == holes
        down = site.node.gpus_down | host.node.gpus_down
        alive = [index not in down for index in range(own.sum())]
        assert cluster.gpu_in_service[own].tolist() == alive
    assert cluster.gpu_spare[own].all() == (host.spare is not None)


@settings(max_examples=40)
@given(sites(), st.randoms())
def test_the_same_site_gives_the_same_bytes(site, random):
    """Whatever the order in which hosts come."""
    hosts = list(site.hosts.values())
    random.shuffle(hosts)
    other = Site(
        site.name,
        {host.name: host for host in hosts},
        tiers=site.tiers,
        uplink_bytes_per_s=site.uplink_bytes_per_s,
        node=site.node,
    )
    assert written(site) == written(other)


@st.composite
def nested(draw):
    """A site of properly nested groups, with uplinks known of all, and hosts alike."""
    pods = draw(st.integers(2, 3))
    leaves = [f"l{pod}-{leaf}" for pod in range(pods) for leaf in range(draw(st.integers(1, 3)))]
    hosts = {}
    for leaf in leaves:
        for number in range(draw(st.integers(1, 4))):
            name = f"{leaf}n{number:02d}"
            groups = {"leaf": leaf, "pod": f"p{leaf[1]}"}
            hosts[name] = Host(name, Node(8, "h100", {}, [Nic("", 50e9) for _ in range(8)]), groups)
    speeds = st.sampled_from([0.4e12, 1e12, 1.6e12])
    uplinks = {
        "leaf": {leaf: draw(speeds) for leaf in leaves},
        "pod": {f"p{pod}": draw(speeds) for pod in range(pods)},
    }
    return Site("x", hosts, tiers=["leaf", "pod"], uplink_bytes_per_s=uplinks)


@settings(max_examples=40)
@given(nested())
def test_groups_and_their_uplinks(site):
    """Every domain has the hosts and the uplink that the site says, whole or degraded."""
    cluster = loaded(author(site))
    assert not site.findings
    names = {tier.name: index for index, tier in enumerate(cluster.tiers)}
    for tier in site.tiers:
        if tier not in names:
            assert len({host.groups[tier] for host in site.hosts.values()}) in (1, len(site.hosts))
            continue
        index = names[tier]
        of_node = np.arange(cluster.nodes)
        for inner in cluster.tiers[:index]:
            of_node = inner.parent[of_node]
        found = {
            host: cluster.tiers[index].names[domain]
            for host, domain in zip(cluster.host_names, of_node, strict=True)
        }
        assert found == {host.name: host.groups[tier] for host in site.hosts.values()}
        uplinks = dict(zip(cluster.tiers[index].names, cluster.tiers[index].uplink_bytes_per_s, strict=True))
        assert uplinks == pytest.approx(site.uplink_bytes_per_s[tier])


def alike(count, width, **node):
    """Racks of `width` hosts that are all alike."""
    hosts = {}
    for number in range(count):
        rack = f"r{number // width + 1:03d}"
        name = f"{rack}n{number % width + 1:02d}"
        hosts[name] = Host(name, Node(**{"gpus": 8, "gpu_model": "h100"} | node), {"rack": rack})
    return Site("alike", hosts, tiers=["rack"])


def test_a_small_file_in_full():
    """Ranges of names, health with its reasons, and what was assumed at the head."""
    site = alike(8, 4)
    site.uplink_bytes_per_s = {"rack": {"r001": 1.6e12, "r002": 0.8e12}}
    site.hosts["r001n02"].down = site.hosts["r001n03"].down = "state DRAIN"
    site.hosts["r002n01"].node.gpus_down = {5: "Xid 79"}
    site.hosts["r002n04"].spare = "for failures"
    site.hosts["r002n03"].node.gpus = 4
    assert author(site, origin="topology.conf (slurm)") == FILE


FILE = """\
# Imported from topology.conf (slurm).
# Assumed:
# - 400 Gb/s a NIC, as is usual for h100, where no source says
# - one NIC for each GPU
format_version: 1
name: alike
gpu: h100
tiers:
  - {name: node, scale_up: 450 GB/s, nics: {count: 8, bandwidth: 400 Gb/s}}
  - {name: rack, uplink: 1.6 TB/s}
  - {name: cluster}
domains:
  - {rack: r001, node: "r001n[01-04]", gpus: 8}
  - {rack: r002, node: "r002n[01-02,04]", gpus: 8}
  - {rack: r002, node: r002n03, gpus: 4, nics: {count: 4, bandwidth: 400 Gb/s}}
host_name: "{node}"
down:
  - "r001/r001n[02-03]"   # state DRAIN
  - "r002/r002n01/gpu5"   # Xid 79
spare:
  - "r002/r002n04"   # for failures
degraded:
  - {at: r002, uplink: 800 GB/s}
"""


def test_whole_domains_that_are_down():
    """One selector for all of a domain, and domains beside each other in one range."""
    site = alike(16, 4)
    for host in site.hosts.values():
        if host.groups["rack"] != "r004":
            host.down = "power"
    assert '  - "r[001-003]"   # power\n' in author(site)


def test_nvlink_domains_become_a_tier():
    """Domains of several hosts inside of racks carry scale_up; the hosts inside have no uplink."""
    site = alike(8, 4, gpus=4, gpu_model="gb200")
    for number, host in enumerate(site.hosts.values()):
        host.scale_up = f"nvl{number // 2}"
    cluster = loaded(author(site))
    assert [tier.name for tier in cluster.tiers] == ["node", "nvlink", "rack", "cluster"]
    assert cluster.boundary == 1
    assert cluster.tiers[1].scale_up_bytes_per_s == 900e9
    assert cluster.tiers[0].uplink_bytes_per_s is None


def test_nvlink_domains_that_are_a_tier_already():
    """A rack that is one NVLink domain stays one tier."""
    site = alike(8, 4, gpus=4, gpu_model="gb200")
    for host in site.hosts.values():
        host.scale_up = f"nvl-{host.groups['rack']}"
    cluster = loaded(author(site))
    assert [tier.name for tier in cluster.tiers] == ["node", "rack", "cluster"]
    assert cluster.boundary == 1


def test_nvlink_domains_that_cross_racks():
    """A finding, and no host is lost."""
    site = alike(8, 4)
    for number, host in enumerate(site.hosts.values()):
        host.scale_up = f"nvl{number % 2 if number < 6 else 2}"
    cluster = loaded(author(site))
    assert [problem.code for problem in site.findings] == ["I017"]
    assert cluster.nodes == 8


def test_hosts_outside_of_groups():
    """Those beside others lie where these do; those without anything known get a domain of their own."""
    site = alike(8, 4)
    site.tiers.append("pod")
    for host in site.hosts.values():
        host.groups["pod"] = "p1" if host.groups["rack"] == "r001" else "p2"
    del site.hosts["r001n02"].groups["pod"]
    site.hosts["r002n02"].groups.clear()
    text = author(site)
    assert [problem.code for problem in site.findings] == ["I015", "I015"]
    assert 'pod: p1, rack: r001, node: "r001n[01-04]"' in text
    assert "pod: no-pod, rack: no-rack, node: r002n02, gpus: 8}   # no source says where" in text


def test_a_domain_in_several():
    """A finding that names them; both have their part."""
    site = alike(8, 4)
    site.tiers.append("pod")
    for number, host in enumerate(site.hosts.values()):
        host.groups["pod"] = f"p{number % 2}"
    cluster = loaded(author(site))
    assert [problem.code for problem in site.findings] == ["I016", "I016"]
    assert cluster.tiers[1].domains == 4


def test_gpus_that_no_source_knows():
    """Assumed with a finding, unless it is said; hosts without GPUs are left out and named."""
    site = alike(4, 4, gpus=None)
    site.hosts["login1"] = Host("login1", Node(gpus=0))
    text = author(site)
    assert [problem.code for problem in site.findings] == ["I011"]
    assert "# - hosts without GPUs are left out: login1" in text
    assert loaded(text).gpus == 32
    assert loaded(author(alike(4, 4, gpus=None), Given(gpus=4))).gpus == 16


def test_the_middle_of_a_rail_is_missing():
    """The NIC of a rail that has none is out of service, and the others keep their rails."""
    site = alike(2, 2)
    nics = [Nic(f"mlx5_{rail}", 50e9, rail) for rail in (0, 1, 3)]
    site.hosts["r001n01"].node.nics = nics
    text = author(site)
    assert '"r001n01/nic2"   # no NIC on this rail' in text
    cluster = loaded(text)
    assert cluster.nic_rail[cluster.nic_node == 0].tolist() == [0, 1, 2, 3]


def test_a_slow_nic_lowers_the_uplink_of_its_host():
    """The NIC keeps its nominal speed, and the host has what is left."""
    site = alike(2, 2)
    site.hosts["r001n01"].node.nics = [Nic("", 50e9), Nic("", 50e9), Nic("", 25e9)]
    cluster = loaded(author(site))
    assert cluster.tiers[0].uplink_bytes_per_s[0] == 125e9


def test_links_become_the_fabric():
    """Switches and links are written, and those of hosts that are left out are not."""
    site = alike(4, 2)
    site.hosts["storage"] = Host("storage", Node(gpus=0))
    site.switches = {name: Switch(name, level) for name, level in (("l1", 1), ("l2", 1), ("s1", 2))}
    site.links = [Link((host, f"l{host[3]}"), 50e9) for host in site.hosts if host != "storage"]
    site.links += [Link(("l1", "s1"), 50e9, 2), Link(("l2", "s1"), 50e9), Link(("storage", "l1"), 50e9)]
    text = author(site)
    assert "kind: links" in text
    assert "storage" not in text.partition("domains:")[2]
    assert len(loaded(text).fabric.links) == 4


def test_one_node_seen_from_inside():
    """A cluster of that node alone."""
    site = Site(node=Node(gpus=8, gpu_model="NVIDIA H100 80GB HBM3"))
    cluster = loaded(author(site))
    assert (cluster.nodes, cluster.gpus, cluster.gpu_kinds[0].name) == (1, 8, "h100")


def test_ten_thousand_nodes():
    """A file of a few hundred lines holds them."""
    text = author(alike(10_000, 32))
    assert text.count("\n") < 400
    assert loaded(text).nodes == 10_000
