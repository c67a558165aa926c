"""topograph's models and its output."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.errors import InputError
from planner.formats.importers import topograph
from planner.formats.importing import Asked, import_topology
from planner.formats.site.given import Given
from planner.formats.site.site import Source
from tests.formats.importers.fixtures import source

SAMPLES = Path(__file__).parents[4] / "shared/data/samples/topograph"


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples of topograph are not here")
@pytest.mark.parametrize(
    ("sample", "domains"),
    [("small-tree.yaml", [6, 2, 1]), ("medium.yaml", [8, 4, 2, 1]), ("nvl72.yaml", [72, 4, 2, 1])],
)
def test_models_of_its_makers(sample, domains):
    """Nothing is odd about them, and their blocks are NVLink domains."""
    done = import_topology([Asked(str(SAMPLES / sample))], Given(gpus=4))
    assert not done.site.findings
    assert [tier.domains for tier in done.cluster.tiers] == domains
    assert done.cluster.boundary == 1


def test_a_model():
    """Switches above a block are tiers, its host lists are spelt out, its annotation is the NVLink domain."""
    site = topograph.read(source("topograph/model.yaml"))
    assert site.tiers == ["leaf", "spine", "core"]
    assert list(site.hosts) == [f"tray{number}" for number in (101, 102, 103, 104, 201, 202, 203, 204)]
    assert site.hosts["tray104"].groups == {"leaf": "leaf-1", "spine": "spine-1", "core": "core"}
    assert {host.scale_up for host in site.hosts.values()} == {"nvl-1", "nvl-2"}
    assert not site.findings


def test_place_of_a_node():
    """Is the list of hosts that it is written in."""
    text = "# n1 n2\nswitches: {a: {}}\nblocks: [{switch: a, nodes: ['n[1-2]']}]\n"
    site = topograph.read(Source("model.yaml", text))
    place = site.hosts["n2"].position
    assert (place.line, place.column) == (3, 31)


def test_an_older_model():
    """Lists instead of mappings; a block that no switch names is kept, without a place."""
    site = topograph.read(source("topograph/lists.yaml"))
    assert site.hosts["n1-2"].groups == {"leaf": "sw1", "spine": "core"}
    assert (site.hosts["n1-2"].scale_up, site.hosts["n1-2"].node.gpu_model) == ("nv1", "H100")
    assert site.hosts["n3-1"].groups == {}


def test_instances():
    """The closest switch first, and paths of any length."""
    site = topograph.read(source("topograph/graph.json"))
    assert site.tiers == ["leaf", "spine", "core"]
    assert site.hosts["n3"].groups == {"leaf": "leaf2", "spine": "spine2", "core": "core"}
    assert [host.scale_up for host in site.hosts.values()] == ["nvl1", "nvl1", "nvl2", None, None]
    assert site.hosts["n5"].groups == {}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("switches: {a: {switches: [b]}, b: {switches: [a]}}\nblocks: [{switch: a, nodes: [n]}]", "I089"),
        ("switches: {a: {switches: [c]}, b: {switches: [c]}}\nblocks: [{switch: c, nodes: [n]}]", "I084"),
        ("switches: {}\nblocks: [{switch: a, nodes: [n]}, {switch: b, nodes: [n]}]", "I084"),
        ("switches: {}\nblocks: [{switch: a, nodes: [n, 'm[']}]", "I020"),
    ],
)
def test_odd_models(text, code):
    """A switch above itself or under two others, a node twice, a host list that is none."""
    site = topograph.read(Source("x", text))
    assert [problem.code for problem in site.findings] == [code]
    assert list(site.hosts) == ["n"]


def test_nothing_of_the_kind():
    """An error that says what was looked for."""
    with pytest.raises(InputError, match="I080"):
        topograph.read(Source("x", "switches: {}\nblocks: []\n"))
