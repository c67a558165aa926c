"""From authored text to the cluster."""

from __future__ import annotations

import numpy as np
import pytest

import planner
from planner.errors import InputError
from planner.source import parse_document
from planner.topology.load import load_topology, to_cluster

HEAD = "format_version: 1\nname: small\n"
NODES = """\
tiers:
  - {name: node, nics: {count: 4, bandwidth: 400 Gb/s}}
  - {name: rack, uplink: 50 GB/s}
  - {name: cluster}
"""
NVLINK = """\
tiers:
  - {name: tray, nics: {count: 2, bandwidth: 800 Gb/s}}
  - {name: rack, scale_up: 900 GB/s}
  - {name: cluster}
domains:
  - {rack: "r[1-2]", tray: "t[1-3]", gpus: 4}
"""
ROW = 'domains: [{rack: "r[1-2]", node: "n[1-2]", gpus: 8}]\n'


def cluster_of(text):
    """The cluster that `text` describes, its head added."""
    return to_cluster(parse_document(HEAD + text))


def uplinks(cluster, tier):
    """Uplinks of a tier in GB/s."""
    return (cluster.tiers[tier].uplink_bytes_per_s / 1e9).tolist()


def test_rows_are_products():
    """A row is the product of its ranges, outer tiers slowest; GPUs are numbered node by node."""
    cluster = cluster_of(NODES + ROW)
    assert cluster.host_names == ["r1-n1", "r1-n2", "r2-n1", "r2-n2"]
    assert cluster.gpus == 32
    assert cluster.gpu_node.tolist() == [node for node in range(4) for _ in range(8)]
    assert cluster.gpu_local.tolist() == list(range(8)) * 4
    assert [tier.domains for tier in cluster.tiers] == [4, 2, 1]
    assert [tier.names for tier in cluster.tiers] == [["n1", "n2", "n1", "n2"], ["r1", "r2"], ["cluster"]]
    assert cluster.gpu_in_service.all()
    assert not cluster.gpu_spare.any()


def test_rows_may_add_to_a_domain():
    """A later row puts nodes into a rack that an earlier one began."""
    cluster = cluster_of(
        NODES + 'domains: [{rack: "r[1-2]", node: n1, gpus: 2}, {rack: r1, node: n2, gpus: 4}]'
    )
    assert cluster.tiers[0].parent.tolist() == [0, 1, 0]
    assert np.bincount(cluster.domain_of_gpu[1]).tolist() == [6, 2]


def test_node_boundary_without_scale_up():
    """Without a scale-up tier the node is the boundary and its NICs are its uplink."""
    cluster = cluster_of(NODES + ROW)
    assert cluster.boundary == 0
    assert uplinks(cluster, 0) == [200.0] * 4
    assert uplinks(cluster, 1) == [50.0] * 2
    assert cluster.tiers[2].uplink_bytes_per_s is None
    assert cluster.tier_uplink_bytes_per_s == (800e9, 100e9, None)


def test_rack_boundary():
    """The tier with scale_up is the boundary: its uplink sums the NICs beneath, the node has none."""
    cluster = cluster_of(NVLINK)
    assert cluster.boundary == 1
    assert cluster.tiers[0].uplink_bytes_per_s is None
    assert cluster.tiers[1].scale_up_bytes_per_s == 900e9
    assert uplinks(cluster, 1) == [600.0, 600.0]


def test_uplink_may_be_given_at_the_boundary():
    """An uplink that is given stands in place of the sum of NICs."""
    cluster = cluster_of(
        NVLINK.replace("scale_up: 900 GB/s", "scale_up: 900 GB/s, uplink: 1 TB/s") + "down: [r1/t1]\n"
    )
    assert uplinks(cluster, 1) == [1000.0, 1000.0]


def test_no_uplink_at_all():
    """With neither NICs nor uplinks traffic is free and no GPU has a NIC."""
    cluster = cluster_of("tiers: [{name: node}, {name: cluster}]\ndomains: [{node: n1, gpus: 2}]")
    assert cluster.tier_uplink_bytes_per_s == (None, None)
    assert cluster.gpu_nic.tolist() == [-1, -1]
    assert cluster.gpu_kinds[0].name == "unspecified"


@pytest.mark.parametrize(
    ("gpus", "nics", "nic_of_gpu"),
    [
        (8, 8, [0, 1, 2, 3, 4, 5, 6, 7]),
        (8, 4, [0, 0, 1, 1, 2, 2, 3, 3]),
        (8, 2, [0, 0, 0, 0, 1, 1, 1, 1]),
        (4, 8, [0, 2, 4, 6]),
        (6, 4, [0, 0, 1, 2, 2, 3]),
    ],
)
def test_gpus_share_nics_evenly(gpus, nics, nic_of_gpu):
    """GPUs share the NICs of their node evenly in order; NIC i is on rail i."""
    cluster = cluster_of(
        f"tiers: [{{name: node, nics: {{count: {nics}, bandwidth: 400 Gb/s}}}}, {{name: cluster}}]\n"
        f'domains: [{{node: "n[1-2]", gpus: {gpus}}}]'
    )
    assert cluster.gpu_nic.tolist() == nic_of_gpu * 2
    assert cluster.gpu_rail.tolist() == nic_of_gpu * 2


def test_no_rails():
    """With `rails: false` NICs are on no rail."""
    cluster = cluster_of(NODES.replace("Gb/s}", "Gb/s, rails: false}") + ROW)
    assert set(cluster.nic_rail.tolist()) == set(cluster.gpu_rail.tolist()) == {-1}


def test_down_at_every_depth():
    """Racks, nodes and single GPUs may be out of service; NICs go with their nodes, not with a GPU."""
    cluster = cluster_of(NODES + ROW + 'down: ["r1", "r2/n1", "r2/n2/gpu[0-1]"]\n')
    assert np.flatnonzero(cluster.gpu_in_service).tolist() == [26, 27, 28, 29, 30, 31]
    assert np.flatnonzero(cluster.nic_in_service).tolist() == [12, 13, 14, 15]
    assert uplinks(cluster, 0) == [0.0, 0.0, 0.0, 200.0]


def test_trays_down_take_their_nics_from_the_rack():
    """The uplink of a scale-up domain counts the NICs that are in service."""
    assert uplinks(cluster_of(NVLINK + "down: [r2/t1, r2/t3/nic0]\n"), 1) == [600.0, 300.0]


def test_nic_down_moves_its_gpus():
    """GPUs of a NIC out of service use the next of their node, and the node's uplink drops."""
    cluster = cluster_of(NODES + ROW + "down: [r1/n1/nic3, r1/n2/nic0, r1/n2/nic1]\n")
    assert cluster.gpu_nic[:8].tolist() == [0, 0, 1, 1, 2, 2, 0, 0]
    assert cluster.gpu_nic[8:16].tolist() == [2, 2, 2, 2, 2, 2, 3, 3]
    assert cluster.gpu_rail[8:16].tolist() == [2, 2, 2, 2, 2, 2, 3, 3]
    assert uplinks(cluster, 0) == [150.0, 100.0, 200.0, 200.0]
    assert cluster.gpu_in_service.all()


def test_node_without_any_nic_left_is_out_of_service():
    """A boundary domain that can reach nobody holds no rank."""
    cluster = cluster_of(NODES + ROW + 'down: ["r1/n1/nic*"]\n')
    assert np.flatnonzero(~cluster.gpu_in_service).tolist() == list(range(8))
    assert cluster.gpu_nic[:8].tolist() == [-1] * 8


def test_spare():
    """Spares are in service and marked."""
    cluster = cluster_of(NODES + ROW + 'spare: ["r2/*", "r1/n1/gpu7"]\n')
    assert np.flatnonzero(cluster.gpu_spare).tolist() == [7, *range(16, 32)]
    assert cluster.gpu_in_service.all()


def test_degraded():
    """A degraded uplink is lower at the domains selected, at whatever tier the path ends."""
    cluster = cluster_of(
        NODES + ROW + "degraded: [{at: r2, uplink: 20 GB/s}, {at: '*/n1', uplink: 150 GB/s}]\n"
    )
    assert uplinks(cluster, 1) == [50.0, 20.0]
    assert uplinks(cluster, 0) == [150.0, 200.0, 150.0, 200.0]


def test_rows_override():
    """A row may have its own NICs, GPU model, uplink and host names."""
    cluster = cluster_of(
        "gpu: h100\n" + NODES + "domains:\n"
        "  - {rack: r1, node: n1, gpus: 8}\n"
        "  - {rack: r1, node: n2, gpus: 4, nics: {count: 1, bandwidth: 200 Gb/s}, gpu: a100}\n"
        '  - {rack: r1, node: n3, gpus: 2, uplink: 10 GB/s, host_name: "odd-{node}",\n'
        "     gpu: {name: odd, memory: 1 GB}}\n"
    )
    assert uplinks(cluster, 0) == [200.0, 25.0, 10.0]
    assert [gpu.name for gpu in cluster.gpu_kinds] == ["h100", "a100", "odd"]
    assert cluster.gpu_kinds[2].memory_bytes == 1e9
    assert cluster.gpu_kind.tolist() == [0] * 8 + [1] * 4 + [2] * 2
    assert cluster.host_names == ["r1-n1", "r1-n2", "odd-n3"]
    assert np.bincount(cluster.nic_node).tolist() == [4, 1, 4]


def test_host_name_template():
    """A template names tiers in any order."""
    cluster = cluster_of(NODES + ROW + 'host_name: "{node}.{rack}.lab"\n')
    assert cluster.host_names == ["n1.r1.lab", "n2.r1.lab", "n1.r2.lab", "n2.r2.lab"]


def test_digest_and_fabric_are_kept():
    """The cluster knows the digest of its file and the switches it describes."""
    text = NODES + ROW + "fabric: {kind: clos}\n"
    cluster = cluster_of(text)
    assert cluster.digest == parse_document(HEAD + text).digest
    assert cluster.fabric.kind == "clos"


def test_load_by_name_is_public():
    """`planner.load_topology` is this function."""
    assert planner.load_topology is load_topology
    assert planner.load_topology("lab-4x8").gpus == 32


@pytest.mark.parametrize(
    ("row", "rest", "codes"),
    [
        ('  - {rack: "r[1-2]", node: n1, gpus: "8"}\n', "down: [r1/n1/gpu9]\n", ["V003"]),
        (
            '  - {rack: r1, node: n1, gpus: 8}\n  - {rack: "r[2", node: n1, gpus: 8}\n',
            "down: [r2]\n",
            ["T001"],
        ),
        (
            "  - {rack: r1, node: n1, gpus: 8}\n  - {rak: r2, node: n1, gpus: 8}\n",
            "down: [r2/n1]\n",
            ["T003"],
        ),
        ("  - {rack: r1, node: n1, gpus: 8}\n  - {rack: r1, node: n1, gpus: 8}\n", "down: [r1]\n", ["T005"]),
        ("  - {rack: r1, node: n1, gpus: 8, nic: {count: 9}}\n", "down: [r1/n1/nic8]\n", ["T003"]),
    ],
)
def test_no_mistake_is_told_twice(row, rest, codes):
    """What does not fit because something else is mistaken is no mistake of its own."""
    with pytest.raises(InputError) as caught:
        cluster_of(NODES + "domains:\n" + row + rest)
    assert [problem.code for problem in caught.value.problems] == codes


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ('host_name: "$(id)-{rack}-{node}"\n' + NODES + ROW, "T007", 3, 12),
        ('host_name: ""\n' + NODES + ROW, "T007", 3, 12),
        (NODES + 'domains: [{rack: "$(id)", node: n1, gpus: 8}]\n', "T001", 7, 18),
        (NODES + "domains: [{rack: 007, node: n1, gpus: 8}]\n", "V003", 7, 18),
    ],
)
def test_names_are_plain(text, code, line, column):
    """Names that a shell could misread are refused where they stand."""
    with pytest.raises(InputError) as caught:
        cluster_of(text)
    problem = caught.value.problems[0]
    assert (problem.code, problem.position.line, problem.position.column) == (code, line, column)


def test_a_number_in_quotes_keeps_its_zeros():
    """The suggestion is what was written, and not what it was read as."""
    with pytest.raises(InputError) as caught:
        cluster_of(NODES + "domains: [{rack: 007, node: n1, gpus: 8}]\n")
    assert caught.value.problems[0].suggestion == '"007", in quotes'


def test_a_title_is_printable():
    """The name of a cluster may be any text that shows as what it is."""
    assert to_cluster(parse_document('format_version: 1\nname: "my [odd] l\u00e4b"\n' + NODES + ROW)).name
    with pytest.raises(InputError) as caught:
        to_cluster(parse_document('format_version: 1\nname: "l\\e[31mb"\n' + NODES + ROW))
    assert [(each.code, each.position.line) for each in caught.value.problems] == [("V009", 2)]
