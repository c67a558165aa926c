"""topology.conf."""

from __future__ import annotations

import pytest

from planner.errors import UsageError
from planner.formats.importers import slurm as importer
from planner.formats.site.derive import derive
from planner.formats.site.site import Source
from planner.formats.topology_exporters import slurm
from tests.formats.topology_exporters.clusters import NVL, TREE, cluster


def text(of, kind="tree", tier=""):
    """The file of a cluster."""
    return slurm.text(of, {"kind": kind, "tier": tier})


def test_tree():
    """One switch a domain, the outermost first; names that are not unique become paths."""
    assert text(cluster(TREE)).splitlines() == [
        "# a lab; slurm.conf needs TopologyPlugin=topology/tree",
        "SwitchName=cluster Switches=p[1-2]",
        "SwitchName=p1 Switches=p1-r[1-2]",
        "SwitchName=p2 Switches=p2-r[1-2]",
        "SwitchName=p1-r1 Nodes=p1-r1-n[1-2]",
        "SwitchName=p1-r2 Nodes=p1-r2-n[1-2]",
        "SwitchName=p2-r1 Nodes=p2-r1-n[1-2]",
        "SwitchName=p2-r2 Nodes=p2-r2-n[1-2]",
    ]


def test_tree_comes_back():
    """The importer finds the tiers that were written."""
    of = cluster(TREE)
    site = derive(importer.read(Source("topology.conf", text(of))))
    assert list(site.hosts) == list(of.host_names)
    assert site.hosts["p2-r1-n2"].groups == {"leaf": "p2-r1", "pod": "p2"}
    assert not site.findings


def test_own_names_where_they_are_unique():
    """A domain whose name no other has keeps it."""
    lines = text(cluster(TREE, ('rack: "r[1-2]"', 'rack: "r1"'), ('"p[1-2]"', "p1"))).splitlines()
    assert lines[2:] == ["SwitchName=p1 Switches=r1", "SwitchName=r1 Nodes=p1-r1-n[1-2]"]


def test_blocks():
    """NVLink domains are blocks, and the tiers around them are larger sizes."""
    assert text(cluster(NVL), "block").splitlines()[1:3] == [
        "BlockName=p1-r1 Nodes=p1-r1-t[1-2]",
        "BlockName=p1-r2 Nodes=p1-r2-t[1-2]",
    ]
    assert text(cluster(NVL), "block").splitlines()[-1] == "BlockSizes=2,8"


def test_blocks_of_a_tier():
    """Any tier can be blocks; one that is not there is refused."""
    assert text(cluster(NVL), "block", "pod").splitlines()[-1] == "BlockSizes=8"
    with pytest.raises(UsageError) as caught:
        text(cluster(NVL), "block", "row")
    assert caught.value.problems[0].code == "E002"


def test_a_tree_has_no_tier_of_its_own():
    """A tier that would not be looked at is refused."""
    with pytest.raises(UsageError, match="kind=block alone"):
        text(cluster(NVL), "tree", "pod")


def test_sizes_that_slurm_refuses():
    """A tier of three blocks is no size that Slurm takes, nor is one around it."""
    assert text(cluster(NVL, ("r[1-4]", "r[1-3]")), "block").splitlines()[-1] == "BlockSizes=2"


def test_odd_host_name():
    """A host that no host list can hold is refused."""
    of = cluster(TREE, ("name: a lab", 'name: a lab\nhost_name: "n{pod}{rack}{node}' + "1" * 20 + '"'))
    with pytest.raises(UsageError) as caught:
        text(of)
    assert caught.value.problems[0].code == "E003"
