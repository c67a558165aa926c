"""The look-up that pods run, as they run it: a script beside a table."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from planner.formats.exporting import launcher_files
from planner.formats.jobside import pod, program
from planner.formats.writing.kubernetes.manifests import config_map
from planner.formats.writing.kubernetes.node_table import nodes_of
from tests.formats.jobs import in_blocks, irregular

SHOW = "import os; print(*(os.environ[n] for n in ('RANK', 'LOCAL_RANK', 'CUDA_VISIBLE_DEVICES')))"


def mounted(manifest, folder):
    """The files of a ConfigMap, as a pod sees them."""
    for name, text in YAML(typ="safe").load(manifest)["data"].items():
        (folder / name).write_text(text)
    return folder


def run(folder, *command, **environment):
    """Run the pod's program."""
    return subprocess.run(
        [sys.executable, folder / "pod.py", *command],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("placement", [irregular(), in_blocks()], ids=["irregular", "in_blocks"])
def test_every_node_starts_its_ranks(tmp_path, placement):
    """Each rank once, with its own device, whatever node the pod came to."""
    folder = mounted(launcher_files(placement, "kubernetes").files["configmap.yaml"], tmp_path)
    for node in nodes_of(placement):
        done = run(folder, sys.executable, "-c", SHOW, NODE_NAME=node.name)
        devices = ",".join(map(str, node.devices))
        assert sorted(done.stdout.splitlines()) == sorted(
            f"{rank} {local} {devices}" for local, rank in enumerate(node.ranks)
        ), done.stderr


def test_a_node_that_is_not_in_the_plan(tmp_path):
    """A pod on another node says which, and starts nothing."""
    folder = mounted(launcher_files(irregular(), "kubernetes").files["configmap.yaml"], tmp_path)
    done = run(folder, "echo", "started", NODE_NAME="r09-n00")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "no rank on node r09-n00" in done.stderr


def test_without_the_name_of_the_node(tmp_path):
    """A pod that was not told its node says what it lacks."""
    (tmp_path / "pod.py").write_bytes(program("pod.py"))
    done = run(tmp_path, "true")
    assert done.returncode == 1
    assert "spec.nodeName" in done.stderr


@pytest.mark.parametrize(
    "environment",
    [
        {"PLANNER_RANKS": "4,6-7", "PLANNER_DEVICES": "2,0-1"},
        {"PLANNER_RANKS_EACH": "3", "JOB_COMPLETION_INDEX": "2", "PLANNER_DEVICES": "0-2"},
    ],
)
def test_ranks_from_the_manifest(tmp_path, environment):
    """A pinned pod has its ranks in its environment, one that Kueue places counts from its index."""
    (tmp_path / "pod.py").write_bytes(program("pod.py"))
    done = run(tmp_path, sys.executable, "-c", SHOW, **environment)
    expected = {
        "4,6-7": {"4 0 2,0,1", "6 1 2,0,1", "7 2 2,0,1"},
        None: {"6 0 0,1,2", "7 1 0,1,2", "8 2 0,1,2"},
    }
    assert set(done.stdout.splitlines()) == expected[environment.get("PLANNER_RANKS")], done.stderr


def test_the_first_rank_that_fails_ends_the_pod(tmp_path):
    """The others, with all that they started, are not waited for, and its exit code is the pod's."""
    (tmp_path / "pod.py").write_bytes(program("pod.py"))
    command = "[ $LOCAL_RANK != 1 ] || exit 7; sleep 50; echo late"
    done = run(tmp_path, "sh", "-c", command, PLANNER_RANKS="0-2", PLANNER_DEVICES="0-2")
    assert done.returncode == 7
    assert "late" not in done.stdout


def test_packed_table(tmp_path):
    """A long table is packed, and read as the plain one; names that look like equal numbers differ."""
    table = "".join(f"node{i:05d} {i} 0\n" for i in range(30_000)) + "1e1 7 1\n10 8 2\n"
    manifest = config_map("plan", table)
    assert "nodes" not in manifest["data"]
    import base64

    (tmp_path / "pod.py").write_text(manifest["data"]["pod.py"])
    (tmp_path / "nodes.gz").write_bytes(base64.b64decode(manifest["binaryData"]["nodes.gz"]))
    assert run(tmp_path, sys.executable, "-c", SHOW, NODE_NAME="10").stdout == "8 0 2\n"
    assert run(tmp_path, sys.executable, "-c", SHOW, NODE_NAME="node29999").stdout == "29999 0 0\n"


def test_another_number_of_gpus_than_planned(tmp_path, capsys):
    """Device numbers would mean other GPUs; a node without NVIDIA's files is let be."""
    pod.require_devices({"PLANNER_GPUS": "4"}, str(tmp_path))
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    pod.require_devices({"PLANNER_GPUS": "2"}, str(tmp_path))
    pod.require_devices({}, str(tmp_path))
    with pytest.raises(SystemExit):
        pod.require_devices({"PLANNER_GPUS": "4"}, str(tmp_path))
    assert "2 GPUs are here, the plan counts on 4" in capsys.readouterr().err
