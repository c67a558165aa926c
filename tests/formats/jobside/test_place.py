"""Each process gets the rank and GPU that the plan has for it."""

from __future__ import annotations

import os
import sys

import pytest

from planner.formats.jobside import place
from planner.formats.writing.rank_table import to_csv
from tests.formats.jobs import irregular

HOSTS = ["r01-n00", "r00-n01", "r00-n00"]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """A function that runs the script on a host, and returns its environment, output or error."""
    (tmp_path / "ranks.csv").write_text(to_csv(irregular()))
    monkeypatch.setattr(place, "__file__", str(tmp_path / "place.py"))

    def runs(host, *arguments, **env):
        became = {}
        monkeypatch.setattr(os, "environ", {"PLANNER_HOST": host, **env})
        monkeypatch.setattr(os, "execvp", lambda *command: became.update(os.environ, command=command[1]))
        monkeypatch.setattr(sys, "argv", ["place.py", *arguments])
        try:
            place.main()
        except SystemExit as leaving:
            return leaving.code, capsys.readouterr().err
        return became or capsys.readouterr().out

    return runs


def test_the_launchers_rank(run):
    """Rank 9 is the third of its host, on GPU 2, which LOCAL_RANK finds among the visible ones."""
    found = run("r01-n00", "--rank", "R", "--world", "W", "--port", "1234", "--", "a", "-b", R="9", W="10")
    wanted = {
        "RANK": "9",
        "WORLD_SIZE": "10",
        "LOCAL_RANK": "2",
        "LOCAL_WORLD_SIZE": "3",
        "NODE_RANK": "0",
        "CUDA_VISIBLE_DEVICES": "5,0,2",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "MASTER_ADDR": "r01-n00",
        "MASTER_PORT": "1234",
    }
    assert wanted.items() <= found.items()
    assert found["command"] == ["a", "-b"]


def test_the_launchers_process_of_the_host(run):
    """Without a port the launcher's own meeting place stays; its other ranks follow the plan."""
    env = {"LOCAL_RANK": "1", "RANK": "7", "ROLE_RANK": "7", "MASTER_ADDR": "m", "MASTER_PORT": "1"}
    found = run("r00-n00", "--slot", "LOCAL_RANK", "a", **env)
    wanted = {"RANK": "7", "LOCAL_RANK": "1", "ROLE_RANK": "7", "ROLE_WORLD_SIZE": "10", "MASTER_ADDR": "m"}
    assert wanted.items() <= found.items()
    assert run("r00-n01", "--slot", "LOCAL_RANK", "a", **env)["RANK"] == "2"


def test_every_rank_has_its_gpu(run):
    """The device that a program takes by LOCAL_RANK is the GPU of the plan."""
    placement = irregular()
    for rank, gpu in enumerate(placement.gpu_of_rank.tolist()):
        host = placement.cluster.host_names[placement.cluster.gpu_node[gpu]]
        found = run(host, "--rank", "R", "a", R=str(rank))
        visible = found["CUDA_VISIBLE_DEVICES"].split(",")
        assert int(visible[int(found["LOCAL_RANK"])]) == placement.cluster.gpu_local[gpu]


def test_node(run):
    """The place of each host in the order of lowest ranks, and how many ranks it has; and its name."""
    assert [run(host, "--node") for host in HOSTS] == ["0 3\n", "1 5\n", "2 2\n"]
    assert run("r00-n00.site", "--host") == "r00-n00\n"


@pytest.mark.parametrize(
    ("host", "arguments", "env", "told"),
    [
        (
            "r00-n00",
            ["--rank", "R", "a"],
            {"R": "9"},
            "rank 9 was launched on r00-n00, the plan has it on r01",
        ),
        ("r01-n00", ["--rank", "R", "a"], {"R": "10"}, "rank 10 was launched, 10 ranks are planned"),
        ("r01-n00", ["--rank", "R", "a"], {}, "R is ''"),
        ("r01-n00", ["--rank", "R", "a"], {"R": "x"}, "R is 'x'"),
        ("r01-n00", ["--rank", "R", "--world", "W", "a"], {"R": "0", "W": "9"}, "planned, 9 were launched"),
        ("r00-n00", ["--slot", "S", "a"], {"S": "2"}, "process 2 was launched on r00-n00, the plan has 2"),
        ("other", ["--slot", "S", "a"], {"S": "0"}, "is not in ranks.csv"),
        ("other", ["--node"], {}, "is not in ranks.csv"),
        ("r01-n00", ["--rank", "R"], {"R": "0"}, "no command"),
    ],
)
def test_wrong_launches_end(run, host, arguments, env, told):
    """A process that the plan does not have, or has elsewhere, says so and fails."""
    code, error = run(host, *arguments, **env)
    assert code == 1
    assert told in error


def test_commands_that_are_not_there(capsys):
    """The command is named."""
    with pytest.raises(SystemExit):
        place._become(["/nowhere/train"])
    assert "cannot run /nowhere/train: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "hosts", "found"),
    [
        ("a", ["a", "b"], "a"),
        ("a.site", ["a", "b"], "a"),
        ("a", ["a.site", "b.site"], "a.site"),
        ("A", ["a"], "a"),
        ("a.site", ["a.other"], None),
        ("a", ["a.one", "a.two"], None),
        ("a.one", ["a.two", "a.one"], "a.one"),
        ("c", ["a"], None),
    ],
)
def test_names_of_hosts(monkeypatch, name, hosts, found):
    """A domain may be left out on either side, but two hosts are never taken for one."""
    monkeypatch.setattr(os, "environ", {"PLANNER_HOST": name})
    assert place.own_host(hosts) == found


def test_the_hosts_own_name_comes_first(monkeypatch):
    """What a launcher passed on from another host does not count; alone it does."""
    monkeypatch.setattr("socket.gethostname", lambda: "a")
    monkeypatch.setattr(os, "environ", {"SLURMD_NODENAME": "b"})
    assert place.own_host(["a", "b"]) == "a"
    assert place.own_host(["b", "c"]) == "b"


def test_unbinding(run, monkeypatch):
    """What the launcher bound to one core may run on all."""
    cores = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda process, all_: cores.append((process, len(all_))))
    run("r01-n00", "--rank", "R", "--unbind", "a", R="0")
    assert cores == [(0, os.cpu_count())]
