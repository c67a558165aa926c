"""hwloc's own XML, written by the real lstopo."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from planner.errors import InputError
from planner.formats.importers import hwloc
from planner.formats.importing import Asked, import_topology
from planner.formats.site.site import Source
from tests.formats.importers.fixtures import FOLDER, source

LSTOPO = shutil.which("lstopo-no-graphics")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not LSTOPO, reason="hwloc is not installed; run tests/real/install.sh"),
]


def _written(*options):
    """What lstopo writes as XML."""
    done = subprocess.run([LSTOPO, "--of", "xml", *options], capture_output=True, text=True, check=True)
    return Source("lstopo.xml", done.stdout)


@pytest.mark.parametrize("options", [(), ("--export-xml-flags", "v1"), ("--whole-io",), ("--no-caches",)])
def test_a_node_with_gpus(options):
    """Read and written anew by lstopo, in either of its versions, it is the node it was."""
    written = _written("--input", str(FOLDER / "hwloc" / "four.xml"), *options)
    assert hwloc.recognises(written)
    ours, theirs = hwloc.read(source("hwloc/four.xml")), hwloc.read(written)
    assert theirs.hosts["gpu01"].node.gpus == 4
    assert theirs.hosts["gpu01"].node.nics == ours.hosts["gpu01"].node.nics
    assert theirs.node.gpu_model == "h100"


def test_it_becomes_a_cluster_of_one_node(tmp_path):
    """Under the name of its host, with the port that is down out of service."""
    file = tmp_path / "node.xml"
    file.write_text(_written("--input", str(FOLDER / "hwloc" / "four.xml")).text)
    imported = import_topology([Asked(str(file))])
    assert list(imported.cluster.host_names) == ["gpu01"]
    assert imported.cluster.gpus == 4
    assert imported.cluster.nic_in_service.tolist() == [True, True, True, False]


def test_this_machine():
    """Whatever it has: a node, or the error that there is no GPU."""
    written = _written()
    assert hwloc.recognises(written)
    try:
        found = {problem.code for problem in hwloc.read(written).findings}
    except InputError as error:
        found = {error.problems[0].code}
    assert found <= {"I060", "I066"}


def test_a_synthetic_machine():
    """It has processors alone."""
    written = _written("--input", "node:2 core:4 pu:1")
    assert hwloc.recognises(written)
    with pytest.raises(InputError, match="I060"):
        hwloc.read(written)
