"""Candidates measured on a Dask cluster: a scheduler and two workers as processes of this machine."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from planner.errors import UsageError
from planner.strategy import dask_pool
from planner.strategy.dask_pool import DaskPool
from planner.strategy.search import search
from tests.cli.commands import TOPOLOGY, command
from tests.strategy.questions import OUTLINE, QUESTION

pytestmark = pytest.mark.slow
SECONDS = 60


@contextmanager
def started(*arguments):
    """A process of Dask's command line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(SECONDS)


@contextmanager
def scheduler(folder):
    """The address of a scheduler on loopback, at a port that is free."""
    file = folder / "scheduler.json"
    with started(
        "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file
    ):
        until = time.monotonic() + SECONDS
        while not (file.exists() and file.read_text().endswith("}")):
            assert time.monotonic() < until
            time.sleep(0.1)
        yield json.loads(file.read_text())["address"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler with two workers."""
    folder = tmp_path_factory.mktemp("dask")
    worker = (
        "dask_worker",
        "--nthreads",
        "1",
        "--no-dashboard",
        "--host",
        "127.0.0.1",
        "--local-directory",
        folder,
    )
    with scheduler(folder) as address, started(*worker, address), started(*worker, address):
        from distributed import Client

        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=SECONDS)
        yield address


def test_finds_what_this_machine_finds(cluster):
    """The same strategies with the same steps, and as many simulated."""
    here = search(QUESTION, OUTLINE)
    with DaskPool(cluster, QUESTION, OUTLINE) as pool:
        there = search(QUESTION, OUTLINE, pool=pool)
    assert [each.step_s for each in there.best] == [each.step_s for each in here.best]
    assert [each.job for each in there.front] == [each.job for each in here.front]
    assert there.simulated == here.simulated


def test_both_workers_work(cluster):
    """Either has run pieces when the search is done."""
    with DaskPool(cluster, QUESTION, OUTLINE) as pool:
        before = pool._client.run(executed)
        search(QUESTION, OUTLINE, pool=pool)
        after = pool._client.run(executed)
    assert len(before) == 2
    assert all(after[worker] > before[worker] for worker in before)


def executed(dask_worker):
    """Tasks that a worker has run."""
    return dask_worker.state.executed_count


def test_command(cluster, tmp_path):
    """`--dask ADDRESS` prints what the command prints without."""
    path = tmp_path / "topology.yaml"
    path.write_text(TOPOLOGY)
    asked = ("search", path, "llama-3.1-8b", "--batch", 32, "--set", "cp=1", "--place", 0, "--json")
    there, here = (
        subprocess.run(command(*asked, *options), capture_output=True, check=True).stdout
        for options in (("--dask", cluster), ())
    )
    assert there == here


def test_without_workers(tmp_path):
    """A scheduler alone is not enough."""
    with scheduler(tmp_path) as address, pytest.raises(UsageError, match="has no workers") as raised:
        DaskPool(address, QUESTION, OUTLINE)
    assert raised.value.problems[0].code == "Q011"


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "127.0.0.1:1", "nonsense://", "tcp://127.0.0.1:port", ""]
)
def test_wrong_address(address, monkeypatch):
    """Said plainly, whatever is wrong with it."""
    monkeypatch.setattr(dask_pool, "CONNECT_SECONDS", 2)
    with pytest.raises(UsageError) as raised:
        DaskPool(address, QUESTION, OUTLINE)
    assert raised.value.problems[0].code == "Q011"
