"""DeepSpeed's hostfile and its launcher on every host."""

from __future__ import annotations

from tests.formats.jobs import irregular
from tests.formats.launches import called, exported


def test_hostfile(tmp_path):
    """Hosts in the order of their lowest ranks, with as many slots as ranks."""
    files = exported(irregular(), "deepspeed", tmp_path / "run")
    assert files["hostfile"] == "r01-n00 slots=3\nr00-n01 slots=5\nr00-n00 slots=2\n"


def test_what_deepspeed_is_told(tmp_path):
    """No ssh, no arguments of its own for the program, and the number of this host."""
    folder = tmp_path / "run"
    exported(irregular(), "deepspeed", folder, "port=1234")
    expected = f"--hostfile {folder}/hostfile --no_ssh --node_rank 1 --master_addr r01-n00"
    expected += f" --master_port 1234 --no_local_rank --no_python python3 {folder}/place.py"
    expected += " --slot LOCAL_RANK --world WORLD_SIZE -- python train.py"
    words = called(folder, "launch.sh", "deepspeed", env={"PLANNER_HOST": "r00-n01"})
    assert words == expected.split()
