"""AWS DescribeInstanceTopology."""

from __future__ import annotations

import json

import pytest

from planner.errors import InputError
from planner.formats.importers import aws
from planner.formats.site.site import Source
from tests.formats.importers.fixtures import source


def test_network_nodes_are_tiers_root_first():
    """The last network node is the leaf, and tiers are listed from it outwards."""
    site = aws.read(source("aws/eight.json"))
    assert site.tiers == ["layer-3", "layer-2", "layer-1"]
    assert site.hosts["i-00000000000000003"].groups == {
        "layer-1": "nn-11",
        "layer-2": "nn-21",
        "layer-3": "nn-32",
    }


def test_the_type_of_an_instance_says_its_gpus():
    """A known type gives model and number, an unknown one leaves them open."""
    site = aws.read(source("aws/eight.json"))
    node = site.hosts["i-00000000000000001"].node
    assert (node.gpu_model, node.gpus) == ("h100", 8)
    site = aws.read(Source("x", '{"Instances": [{"InstanceId": "i-1", "InstanceType": "p9.big"}]}'))
    assert (site.hosts["i-1"].node.gpu_model, site.hosts["i-1"].node.gpus) == (None, None)


def test_instances_without_network_nodes_are_kept():
    """As of types that are not supported, or in a state other than running."""
    site = aws.read(source("aws/eight.json"))
    assert site.hosts["i-00000000000000008"].groups == {}


def test_ultraservers_are_nvlink_domains():
    """The capacity block of an UltraServer's instance names its domain; of others it does not."""
    instances = [
        {"InstanceId": f"i-{n}", "InstanceType": kind, "CapacityBlockId": "cb-1", "NetworkNodes": ["a"]}
        for n, kind in enumerate(["p6e-gb200.36xlarge", "p5.48xlarge"])
    ]
    site = aws.read(Source("x", json.dumps({"Instances": instances})))
    assert [host.scale_up for host in site.hosts.values()] == ["cb-1", None]


def test_pages_and_lower_case_keys():
    """Several pages one after another, with the keys of the interface."""
    page = '{"instances": [{"instanceId": "i-%d", "networkNodes": ["a", "b"]}]}'
    both = Source("x", page % 1 + "\n" + page % 2)
    assert aws.recognises(both)
    assert list(aws.read(both).hosts) == ["i-1", "i-2"]


def test_odd_instances_are_findings():
    """One without a name, and one that is listed twice."""
    text = '{"Instances": [{"NetworkNodes": ["a"]}, {"InstanceId": "i-1"}, {"InstanceId": "i-1"}]}'
    site = aws.read(Source("x", text))
    assert [problem.code for problem in site.findings] == ["I081", "I082"]
    assert list(site.hosts) == ["i-1"]


def test_nothing_of_the_kind():
    """An error that says what was looked for."""
    with pytest.raises(InputError, match="I080"):
        aws.read(Source("x", '{"Instances": []}'))
    with pytest.raises(InputError, match="I019"):
        aws.read(Source("x", '{"Instances": '))
