"""Topograph's model of the cluster."""

from __future__ import annotations

from ruamel.yaml import YAML

from planner.formats.exporters.topograph import DOMAIN, export
from planner.formats.hostlist import expand
from tests.builders import claimed, grid_cluster, grid_workload
from tests.formats.jobs import irregular, regular


def model(placement):
    """The model as a YAML reader sees it."""
    files = export(placement, {}).files
    assert set(files) == {"model.yaml"}
    return YAML(typ="safe").load(files["model.yaml"].decode())


def test_switches_and_nodes():
    """The tree of switches, and every node once beneath an innermost one, whether it holds ranks or not."""
    assert model(irregular()) == {
        "switches": {"test": {"switches": ["rack.r00", "rack.r01"]}, "rack.r00": {}, "rack.r01": {}},
        "blocks": [
            {"switch": "rack.r00", "nodes": ["r00-n[00-01]"]},
            {"switch": "rack.r01", "nodes": ["r01-n[00-01]"]},
        ],
    }


def test_nodes_alone():
    """A cluster without tiers between is one switch."""
    assert model(regular()) == {
        "switches": {"test": {}},
        "blocks": [{"switch": "test", "nodes": ["n[00-01]"]}],
    }


def test_scale_up_domains_of_several_nodes():
    """Their nodes say which; each switch has one parent, each node one switch."""
    cluster = grid_cluster(2, 3, 2, 4, boundary=1, scale_up=900e9)
    found = model(claimed(cluster, grid_workload(dp=48, families=[("dp", "all_reduce", 1)]), range(48)))
    domains = {block["switch"]: block["annotations"][DOMAIN] for block in found["blocks"]}
    assert domains == {name: name for name in domains}
    assert len(domains) == 6
    children = [child for each in found["switches"].values() for child in each.get("switches", [])]
    assert sorted(children) == sorted(set(found["switches"]) - {"test"})
    nodes = [node for block in found["blocks"] for entry in block["nodes"] for node in expand(entry)]
    assert sorted(nodes) == sorted(cluster.host_names)
