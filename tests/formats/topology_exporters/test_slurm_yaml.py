"""topology.yaml."""

from __future__ import annotations

import pytest

from planner.errors import UsageError
from planner.formats.importers import slurm as importer
from planner.formats.site.derive import derive
from planner.formats.site.site import Source
from planner.formats.topology_exporters import slurm, slurm_yaml
from tests.formats.topology_exporters.clusters import NVL, TORUS, TREE, cluster


def site(text):
    """What our importer makes of a file."""
    return derive(importer.read(Source("topology", text)))


@pytest.mark.parametrize(("authored", "kind"), [(TREE, "tree"), (NVL, "tree"), (NVL, "block")])
def test_same_as_topology_conf(authored, kind):
    """Both files say the same of every host."""
    options = {"kind": kind, "tier": ""}
    one, other = (site(module.text(cluster(authored), options)) for module in (slurm, slurm_yaml))
    assert {name: host.groups for name, host in one.hosts.items()} == {
        name: host.groups for name, host in other.hosts.items()
    }
    assert not other.findings


def test_torus():
    """Nodes come back at their coordinates."""
    found = site(slurm_yaml.text(cluster(TORUS), {"kind": "torus3d", "tier": ""}))
    assert found.hosts["p1-n5"].groups == {"torus": "torus", "plane": "torus-z0", "row": "torus-z0-y1"}
    assert found.hosts["p2-n1"].groups == {"torus": "torus", "plane": "torus-z1", "row": "torus-z1-y0"}


def test_ring():
    """A torus of one dimension is a ring."""
    of = cluster(TORUS, ("[4, 2, 2]", "[16]"))
    found = site(slurm_yaml.text(of, {"kind": "ring", "tier": ""}))
    assert list(found.hosts) == list(of.host_names)


@pytest.mark.parametrize(("authored", "kind"), [(TREE, "torus3d"), (TREE, "ring"), (TORUS, "ring")])
def test_no_torus(authored, kind):
    """A cluster that is no torus cannot be written as one."""
    with pytest.raises(UsageError) as caught:
        slurm_yaml.text(cluster(authored), {"kind": kind, "tier": ""})
    assert caught.value.problems[0].code == "E041"
