"""The hosts that the other tests run on: names, rates, and that nothing of them stays."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.real.hosts import Hosts, require
from tests.real.slurm import PROGRAMS, Slurm

pytestmark = pytest.mark.real

RECEIVE = """
import socket, time
server = socket.create_server(("", 5000))
print("ready", flush=True)
for _ in range(2):
    connection, _ = server.accept()
    start, got = None, 0
    while data := connection.recv(1 << 20):
        start, got = start or time.monotonic(), got + len(data)
    print(got / (time.monotonic() - start), flush=True)
"""
SEND = "import socket; socket.create_connection(('n9', 5000)).sendall(bytes(4_000_000))"


@require()
def test_hosts_have_names_and_reach_each_other(tmp_path):
    """Each knows its own name and all others', and an agent enters one from another."""
    with Hosts([["n9", "n1"], ["n5"]]) as hosts:
        done = hosts.run("n1", "hostname; getent hosts n5; pwd", cwd=tmp_path)
        assert done.stdout.split() == ["n1", hosts.address["n5"], "n5", str(tmp_path)]
        done = hosts.run("n1", [hosts.agent, "n5", "hostname;", "echo $((1 + 1))"])
        assert done.stdout.split() == ["n5", "2"]


@require()
def test_links_are_as_slow_as_asked(tmp_path):
    """The trunk holds back what crosses it, a link what does not."""
    with Hosts([["n9", "n1"], ["n5"]], link="200mbit", trunk="50mbit") as hosts:
        server = hosts.start("n9", ["python3", "-c", RECEIVE], log=tmp_path / "log")
        while "ready" not in (tmp_path / "log").read_text():
            time.sleep(0.05)
        assert hosts.run("n1", ["python3", "-c", SEND]).returncode == 0
        assert hosts.run("n5", ["python3", "-c", SEND]).returncode == 0
        server.wait(60)
        near, far = map(float, (tmp_path / "log").read_text().split()[1:])
    assert near < 1.3 * 25e6
    assert far < 1.3 * 6.25e6
    assert near > 2 * far


@require()
def test_nothing_stays_of_what_takes_too_long():
    """A command that is given up is ended with all that it started, on other hosts too."""
    with Hosts([["n9", "n1"]]) as hosts:
        with pytest.raises(subprocess.TimeoutExpired):
            hosts.run("n9", f"{hosts.agent} n1 sleep 4711", timeout=1)
        assert "sleep 4711" not in hosts.run("n1", ["ps", "-eo", "args"]).stdout


@require()
def test_nothing_stays(tmp_path):
    """Neither files, nor processes, nor devices, also after a failure."""
    hosts = Hosts([["n1"]])
    try:
        with hosts:
            running = hosts.start("n1", ["sleep", "600"], log=tmp_path / "log")
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert running.wait(10) != 0
    assert not hosts.folder.exists()
    devices = json.loads(subprocess.run(["ip", "-j", "link"], capture_output=True, check=True).stdout)
    assert not {"leaf0", "port0"} & {device["ifname"] for device in devices}
    assert not Path("/run/netns/n1").exists()


@require()
def test_nothing_stays_where_the_tests_are_killed(tmp_path):
    """The kernel ends all that ran on the hosts."""
    script = (
        "import sys, time; from tests.real.hosts import Hosts\n"
        f"with Hosts([['n1']]) as hosts: hosts.start('n1', ['sleep', '601'], log={str(tmp_path / 'log')!r});"
        " print(hosts._inside, hosts.folder, flush=True); time.sleep(60)"
    )
    tests = subprocess.Popen(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
    )
    inside, folder = tests.stdout.readline().split()
    tests.kill()
    tests.wait()
    tests.stdout.close()
    shutil.rmtree(folder)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{inside}/root/run").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{inside}/root/run").exists()


@require()
def test_a_mistake_is_told():
    """What the kernel refused stands in the error."""
    with pytest.raises(RuntimeError, match="could not be made"), Hosts([["n1"]], link="0mbit"):
        pass


@require(*PROGRAMS)
def test_slurm_runs_on_them():
    """A step of it sees the hosts under their names."""
    with Hosts([["n9", "n1"], ["n5"]]) as hosts, Slurm(hosts) as slurm:
        done = slurm.run(["srun", "-N3", "-l", "hostname"])
        assert sorted(done.stdout.splitlines()) == ["0: n1", "1: n5", "2: n9"]
