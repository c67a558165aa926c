"""Accelerate on every host."""

from __future__ import annotations

import pytest

from planner.errors import UsageError
from planner.formats.exporting import bundle
from tests.formats.jobs import in_blocks, irregular, regular
from tests.formats.launches import called, exported


def test_configuration_and_call(tmp_path):
    """The configuration has what holds for all hosts, the call the number of this one."""
    folder = tmp_path / "run"
    files = exported(in_blocks(), "accelerate", folder, "port=1234")
    wanted = (
        *("distributed_type: MULTI_GPU", "num_machines: 3", "num_processes: 12", "rdzv_backend: static"),
        *("main_process_ip: r01-n00", "main_process_port: 1234"),
    )
    assert set(wanted) <= set(files["accelerate.yaml"].splitlines())
    expected = f"launch --config_file {folder}/accelerate.yaml --machine_rank 2 --no_python python3"
    expected += f" {folder}/place.py --slot LOCAL_RANK --world WORLD_SIZE -- python train.py"
    words = called(folder, "launch.sh", "accelerate", env={"PLANNER_HOST": "r00-n00"})
    assert words == expected.split()


def test_one_rank_is_not_distributed():
    """Accelerate refuses several GPUs for a single process."""
    files = bundle(regular(1, 1), "accelerate").files
    assert b"distributed_type: 'NO'\n" in files["accelerate.yaml"]


def test_different_numbers_of_ranks_are_refused():
    """Accelerate divides the ranks evenly, whatever it is told; torchrun does not."""
    with pytest.raises(UsageError, match="--to torchrun") as caught:
        bundle(irregular(), "accelerate")
    assert caught.value.problems[0].code == "E004"
