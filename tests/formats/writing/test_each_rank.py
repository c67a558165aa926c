"""The launch of every rank of a host by a script alone."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from planner.formats.exporting import bundle
from planner.formats.writing.folder import write_folder
from planner.formats.writing.seats import hosts_of
from tests.formats.jobs import irregular

SHOW = 'echo "$RANK $LOCAL_RANK $CUDA_VISIBLE_DEVICES $WORLD_SIZE $MASTER_ADDR $MASTER_PORT"'


@pytest.fixture
def folder(tmp_path):
    """An export of an irregular placement that starts its ranks so."""
    write_folder(bundle(irregular(), "devicemesh", ["port=4711"]), tmp_path / "out")
    return tmp_path / "out"


def launch(folder, host, *command):
    """Run the host's part."""
    return subprocess.run(
        [folder / "launch.sh", *command],
        env={**os.environ, "PLANNER_HOST": host},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_host_starts_its_own_ranks(folder):
    """Ranks, their GPUs in their order, and where all meet, on hosts of 3, 5 and 2 ranks."""
    for host in hosts_of(irregular()):
        done = launch(folder, host.name, "bash", "-c", SHOW)
        gpus = ",".join(map(str, host.gpus))
        expected = {f"{rank} {i} {gpus} 10 r01-n00 4711" for i, rank in enumerate(host.ranks)}
        assert set(done.stdout.splitlines()) == expected, done.stderr


def test_the_first_rank_that_fails_ends_the_others(folder):
    """Its exit code is that of the launch, and nobody waits."""
    done = launch(folder, "r01-n00", "bash", "-c", "[ $LOCAL_RANK != 1 ] || exit 7; exec sleep 50")
    assert done.returncode == 7


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_ranks(folder, number):
    """They run in the background, where the terminal's Ctrl-C would not reach them."""
    command = ["bash", "-c", 'echo "$$"; exec sleep 50']
    with subprocess.Popen(
        [folder / "launch.sh", *command],
        env={**os.environ, "PLANNER_HOST": "r01-n00"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        ranks = [int(process.stdout.readline()) for _ in range(3)]
        process.send_signal(number)
        assert process.wait(timeout=20) == 128 + number
    assert not any(Path(f"/proc/{rank}").exists() for rank in ranks)


def test_a_host_without_ranks_says_so(folder):
    """A launch on a host that the placement does not use."""
    done = launch(folder, "elsewhere", "true")
    assert done.returncode == 1
    assert "elsewhere" in done.stderr or "not in ranks.csv" in done.stderr
