"""Google Cloud's instances."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.formats.importers import gcp
from planner.formats.site.site import Source
from tests.formats.importers.fixtures import source


def test_blocks_are_tiers():
    """Both spellings of sub-block; what is null or missing is left out, and the instance kept."""
    site = gcp.read(source("gcp/six.json"))
    assert site.tiers == ["subblock", "block", "cluster"]
    assert site.hosts["a3-0"].groups["subblock"] == site.hosts["a3-1"].groups["subblock"] == "s0"
    assert site.hosts["a3-3"].groups == {"block": "b1", "cluster": "us-east4-cluster-4xh5"}
    assert site.hosts["a3-4"].groups == {}


def test_gpus_and_health():
    """By accelerators or the type of machine; one that does not run is out of service."""
    site = gcp.read(source("gcp/six.json"))
    assert [(host.node.gpu_model, host.node.gpus) for host in site.hosts.values()][:2] == [("h100", 8)] * 2
    assert {host.name: host.down for host in site.hosts.values() if host.down} == {
        "a3-2": "status TERMINATED"
    }


def test_machines_without_gpus_are_known_as_such():
    """A type of machine with neither a GPU in its name nor accelerators has none."""
    assert gcp.read(source("gcp/six.json")).hosts["login"].node.gpus == 0


def test_sub_blocks_of_racks_are_nvlink_domains():
    """As of the families whose sub-blocks are NVL72 racks."""
    text = """[{"name": "n", "machineType": "a4x-highgpu-4g",
                "resourceStatus": {"physicalHostTopology": {"block": "b", "subBlock": "s"}}}]"""
    host = gcp.read(Source("x", text)).hosts["n"]
    assert (host.scale_up, host.node.gpu_model, host.node.gpus) == ("s", "gb200", 4)


def test_the_older_form():
    """One path instead of a mapping."""
    text = '{"items": [{"name": "n", "resourceStatus": {"physicalHost": "/b/s/h"}}]}'
    found = Source("x", text)
    assert gcp.recognises(found)
    assert gcp.read(found).hosts["n"].groups == {"block": "b", "subblock": "s"}


def test_nothing_of_the_kind():
    """An error that says what was looked for; odd instances are findings."""
    with pytest.raises(InputError, match="I080"):
        gcp.read(Source("x", "[]"))
    site = gcp.read(Source("x", '[{"name": "n"}, {"name": "n"}, {"id": "1"}]'))
    assert [problem.code for problem in site.findings] == ["I082", "I081"]
