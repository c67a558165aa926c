"""`planner topology export`, and importing what it wrote."""

from __future__ import annotations

import pytest

from planner.topology.load import load_topology
from tests.cli.commands import planner

CONF = """\
ClusterName=little
NodeName=r[1-2]-n[1-2] Gres=gpu:h100:4
NodeName=login Gres=(null)
DownNodes=r2-n1 State=DOWN Reason=psu
"""


@pytest.mark.parametrize("to", ["slurm", "slurm-yaml", "ibnetdiscover"])
def test_back_and_forth(to, topology, tmp_path):
    """What is written is recognised, and imports with the same hosts in the same racks."""
    path, back = tmp_path / "written", tmp_path / "back.yaml"
    outcome = planner("topology", "export", topology, "--to", to, "-o", path)
    assert (outcome.code, outcome.out) == (0, "")
    assert planner("topology", "import", path, "-o", back, "--gpus", "4").code == 0
    first, second = load_topology(topology), load_topology(back)
    assert list(second.host_names) == list(first.host_names)
    assert [tier.parent.tolist() for tier in second.tiers] == [tier.parent.tolist() for tier in first.tiers]


def test_gpus_and_health_from_slurm_conf(topology, tmp_path):
    """The tree of one file and the GPUs and health of another are one cluster."""
    tree, conf, back = tmp_path / "topology.conf", tmp_path / "slurm.conf", tmp_path / "back.yaml"
    conf.write_text(CONF)
    assert planner("topology", "export", topology, "--to", "slurm", "-o", tree).code == 0
    assert planner("topology", "import", "slurm", tree, conf, "-o", back).code == 0
    cluster = load_topology(back)
    assert cluster.name == "little"
    assert [gpu.name for gpu in cluster.gpu_kinds] == ["h100"]
    assert cluster.gpus == 16
    down = {cluster.host_names[node] for node in cluster.gpu_node[~cluster.gpu_in_service].tolist()}
    assert down == {"r2-n1"}


def test_options(topology, tmp_path):
    """A format is told what it knows, and nothing else; nothing is written then."""
    path = tmp_path / "written"
    command = ("topology", "export", topology, "--to", "slurm", "-o", path)
    assert planner(*command, "--option", "kind=block").code == 0
    assert "BlockSizes=2" in path.read_text()
    path.unlink()
    for wrong in ("kind=star", "colour=red"):
        assert planner(*command, "--option", wrong).code == 2
    assert not path.exists()


def test_unknown_format(topology, tmp_path):
    """A format that there is not is named, with those that there are."""
    outcome = planner("topology", "export", topology, "--to", "slurn", "-o", tmp_path / "x")
    assert outcome.code == 2
    assert "did you mean 'slurm'?" in outcome.err


def test_existing_files_are_kept(topology, tmp_path):
    """A file that is there is replaced only where that is asked for, and an input never."""
    path = tmp_path / "written"
    path.write_text("mine")
    command = ("topology", "export", topology, "--to", "slurm", "-o")
    assert planner(*command, path).code == 2
    assert path.read_text() == "mine"
    assert planner(*command, path, "--force").code == 0
    assert planner(*command, topology, "--force").code == 2
