"""NCCL's settings for each host."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from planner.errors import UsageError
from planner.formats.exporting import bundle
from tests.formats.jobs import irregular, regular
from tests.formats.launches import exported

GPUS = ",".join(f"0000:{number:02x}:00.0" for number in range(0x10, 0x18))
NICS = "0000:20:00.0,0000:21:00.0"


def settings(placement, folder, host, *given):
    """NCCL's variables that a command on `host` gets."""
    exported(placement, "nccl", folder, *given)
    done = subprocess.run(
        [folder / "nccl.sh", "env"],
        env={"PATH": os.environ["PATH"], "PLANNER_HOST": host},
        capture_output=True,
        text=True,
        check=True,
    )
    pairs = (line.split("=", 1) for line in done.stdout.splitlines())
    return {name: value for name, value in pairs if name.startswith("NCCL_")}


def without_nic(placement, nic):
    """The same with one adapter out of service."""
    cluster = placement.cluster
    live = cluster.nic_in_service.copy()
    live[nic] = False
    return replace(placement, cluster=replace(cluster, nic_in_service=live))


def test_adapters_and_rails(tmp_path):
    """All adapters by their whole names, and no change of rails."""
    found = settings(irregular(), tmp_path / "run", "r01-n00")
    assert found == {"NCCL_IB_HCA": "=mlx5_0,mlx5_1", "NCCL_CROSS_NIC": "0"}


@pytest.mark.parametrize(("host", "hca"), [("n00", "=ib0,ib1"), ("n01.site", "=ib1")])
def test_an_adapter_out_of_service(tmp_path, host, hca):
    """It is left out on its host; where hosts differ, rings may change rails."""
    placement = without_nic(regular(nics=2), 2)
    found = settings(placement, tmp_path / "run", host, "hca=ib0,ib1")
    assert found == {"NCCL_IB_HCA": hca, "NCCL_CROSS_NIC": "2"}


def test_names_that_are_a_guess_are_told():
    """The README says that no topology has them, until they are given."""
    assert "ibdev2netdev" in bundle(irregular(), "nccl", []).files["README.md"].decode()
    assert "ibdev2netdev" not in bundle(irregular(), "nccl", ["hca=rdma{}"]).files["README.md"].decode()


def test_no_rails(tmp_path):
    """NCCL may change adapters where that is better."""
    placement = regular(nics=2)
    cluster = replace(placement.cluster, nic_rail=np.full(4, -1, np.int32))
    assert settings(replace(placement, cluster=cluster), tmp_path / "run", "n00")["NCCL_CROSS_NIC"] == "2"


def test_no_adapters(tmp_path):
    """None is named, and the README says why."""
    assert settings(regular(), tmp_path / "run", "n00") == {"NCCL_CROSS_NIC": "2"}
    assert "has no adapters" in (tmp_path / "run/README.md").read_text()


def test_topology_files_by_kind_of_host(tmp_path):
    """Hosts that are alike share one; each gets its own."""
    given = (f"gpu-addresses={GPUS}", f"nic-addresses={NICS}")
    gpus = {}
    for host in ("r00-n00", "r00-n01", "r01-n00"):
        path = settings(irregular(), tmp_path / host, host, *given)["NCCL_TOPO_FILE"]
        gpus[host] = Path(path).read_text().count('class="0x030200"')
    assert gpus == {"r00-n00": 4, "r00-n01": 8, "r01-n00": 6}
    made = bundle(regular(nics=2), "nccl", given).files
    assert [name for name in made if name.endswith(".xml")] == ["topology-1.xml"]


def test_the_sites_own_topology_file(tmp_path):
    """It is named as it is."""
    found = settings(regular(), tmp_path / "run", "n01", "topo-file=/etc/nccl/topo.xml")
    assert found["NCCL_TOPO_FILE"] == "/etc/nccl/topo.xml"


@pytest.mark.parametrize(
    "given",
    [
        ["hca=ib0"],
        ["hca=ib{};x"],
        ["topo-file=topo.xml"],
        ["topo-file=/a b"],
        ["topo-file=/a", f"gpu-addresses={GPUS}"],
        [f"gpu-addresses={GPUS}"],
        [f"nic-addresses={NICS}"],
        ["gpu-addresses=1b:00.0", f"nic-addresses={NICS}"],
        [f"gpu-addresses={GPUS}", "nic-addresses=0000:20:00.0,0000:20:00.0"],
        ["cpu=power"],
        ["sockets=0"],
        ["pcie=6"],
        ["topo-file=/a", "cpu=amd"],
    ],
)
def test_what_cannot_be_is_refused(given):
    """Too few names or addresses, and what is neither."""
    with pytest.raises(UsageError) as caught:
        bundle(regular(nics=2), "nccl", given)
    assert caught.value.problems[0].code == "E002"
