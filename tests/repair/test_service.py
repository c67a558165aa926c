"""Hardware that fails and returns."""

from __future__ import annotations

import numpy as np
import pytest

from planner.errors import InputError, UsageError
from planner.repair.health_file import with_health_file
from planner.repair.service import Health, adopted, with_health
from planner.topology.load import load_topology
from tests.builders import grid_cluster

BASE = """\
format_version: 1
name: base
gpu: h100
tiers:
  - {name: node, nics: {count: 4, bandwidth: 400 Gb/s}}
  - {name: rack, uplink: 400 GB/s}
  - {name: cluster}
domains:
  - {rack: "r[1-2]", node: "n[1-3]", gpus: 8}
"""
SELECTORS = ["r1/n2", "r2/n1/gpu3", "r2/n2/nic0", "r1/n1/nic[0-3]", "r2/n3/gpu*"]


def authored(tmp_path, down=(), text=BASE):
    """The cluster with these selectors in its file."""
    path = tmp_path / "topology.yaml"
    path.write_text(text + f"down: {list(down)}\n")
    return load_topology(path)


def same(one, other):
    """Whether two clusters agree in all that service changes."""
    uplinks = [
        np.allclose(a.uplink_bytes_per_s, b.uplink_bytes_per_s)
        for a, b in zip(one.tiers, other.tiers, strict=True)
        if a.uplink_bytes_per_s is not None
    ]
    columns = ("gpu_in_service", "nic_in_service", "gpu_nic", "gpu_rail")
    return all(uplinks) and all(np.array_equal(getattr(one, c), getattr(other, c)) for c in columns)


@pytest.mark.parametrize("selector", SELECTORS)
def test_down_is_as_authored(tmp_path, selector):
    """What fails gives the cluster that the file would with the selector in `down`."""
    assert same(with_health(authored(tmp_path), Health(down=[selector])), authored(tmp_path, [selector]))


def test_all_together(tmp_path):
    """So do several, in two steps."""
    first = with_health(authored(tmp_path), Health(down=SELECTORS[:2]))
    assert same(with_health(first, Health(down=SELECTORS[2:])), authored(tmp_path, SELECTORS))


@pytest.mark.parametrize("selector", SELECTORS)
def test_up_undoes_down(tmp_path, selector):
    """What returns is as it was, NICs and uplinks too."""
    failed = authored(tmp_path, [selector])
    whole = selector.split("/nic")[0].split("/gpu")[0]
    assert same(with_health(failed, Health(up=[whole])), authored(tmp_path))


def test_uplinks_by_scale_up_domain(tmp_path):
    """The uplink of a rack that is one scale-up domain follows the NICs of its trays."""
    text = BASE.replace("{name: rack, uplink: 400 GB/s}", "{name: rack, scale_up: 900 GB/s}")
    failed = with_health(authored(tmp_path, text=text), Health(down=["r1/n2"]))
    assert same(failed, authored(tmp_path, ["r1/n2"], text))
    assert failed.tiers[1].uplink_bytes_per_s[0] == pytest.approx(2 / 3 * 12 * 50e9)


def test_authored_uplinks_stay():
    """An uplink that is no sum of NICs is left alone."""
    cluster = grid_cluster(2, 2, 4, uplinks=(7e9, 1e9), nics=4)
    failed = with_health(cluster, Health(down=["r00/n00"]))
    assert (failed.tiers[0].uplink_bytes_per_s == 7e9).all()


def test_down_wins(tmp_path):
    """What both fails and returns is out of service."""
    cluster = with_health(authored(tmp_path), Health(down=["r1/n1"], up=["r1/n1"]))
    assert not cluster.gpu_in_service[:8].any()


def test_unknown_names_are_told(tmp_path):
    """A selector that selects nothing."""
    with pytest.raises(InputError, match="r9"):
        with_health(authored(tmp_path), Health(down=["r9"]))


def test_health_file_is_complete(tmp_path):
    """What a health file does not name is in service again."""
    path = tmp_path / "health.yaml"
    path.write_text('format_version: 1\ndown: ["r2/n1"]\n')
    assert same(with_health_file(authored(tmp_path, ["r1/n2"]), path), authored(tmp_path, ["r2/n1"]))


def test_health_file_tells_where(tmp_path):
    """A selector that selects nothing has its place in the file."""
    path = tmp_path / "health.yaml"
    path.write_text('format_version: 1\ndown: ["r2/n1", "r2/n9"]\n')
    with pytest.raises(InputError, match="n9") as error:
        with_health_file(authored(tmp_path), path)
    assert error.value.problems[0].position.line == 2


def test_topology_as_health(tmp_path):
    """A topology file of the same hardware brings its state, uplinks too."""
    path = tmp_path / "today.yaml"
    path.write_text(BASE + 'down: ["r1/n1"]\ndegraded:\n  - {at: r2, uplink: 100 GB/s}\n')
    found = with_health_file(authored(tmp_path), path)
    assert found.tiers[1].uplink_bytes_per_s[1] == 100e9
    assert not found.gpu_in_service[:8].any()


def test_other_hardware_is_refused():
    """A topology of other nodes is no state of this one."""
    with pytest.raises(UsageError, match="other nodes"):
        adopted(grid_cluster(2, 2, 4), grid_cluster(2, 3, 4))
