"""Ranks compared with the placement: what a rank knows of itself, the table, the ways to gather."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from planner import verify as module
from planner.formats.writing.rank_table import to_csv
from planner.placement.file import write_placement
from planner.verify import (
    Device,
    MisplacedError,
    Plan,
    Report,
    UnusableError,
    check,
    devices,
    gathered,
    gpu_here,
    here,
    main,
    ranges,
    read_plan,
    reports_in,
    same_host,
    verify,
)
from tests.builders import claimed, grid_cluster, grid_workload

HOSTS = ["n2", "n2", "n1", "n3", "n3", "n3"]
GPUS = [0, 2, 1, 0, 1, 3]
ROWS = [f"{r},{r % 2},0,0,{r // 2},0,{HOSTS[r]},{GPUS[r]},,{HOSTS[r]},c" for r in range(6)]
CSV = "rank,tp,cp,ep,pp,dp,host,gpu,nic,node,cluster\n" + "\n".join(ROWS) + "\n"


@pytest.fixture
def ranks(tmp_path):
    """A rank table of six ranks on three hosts, neither in order nor evenly."""
    path = tmp_path / "ranks.csv"
    path.write_text(CSV)
    return path


@pytest.fixture
def plan(ranks):
    """The same as read."""
    return read_plan(ranks)


def reported(hosts=HOSTS, gpus=GPUS, world=6):
    """A report of each rank."""
    return [Report(r, world, hosts[r], gpus[r], 100 + r, "RANK") for r in range(len(hosts))]


@pytest.fixture
def launched(monkeypatch):
    """Set the launcher's variables in an environment without any."""
    known = {name for names in module.LAUNCHERS for name in names} | set(module.RUNS)
    known |= {"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "SLURMD_NODENAME"}
    for name in known:
        monkeypatch.delenv(name, raising=False)

    def launch(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))

    return launch


def test_a_plan_is_read_from_the_rank_table(plan):
    """Hosts and GPUs by rank, and the coordinates of the axes that are divided."""
    assert plan.hosts == HOSTS
    assert plan.gpus == GPUS
    assert list(plan.coordinates) == ["tp", "pp"]


def test_a_plan_is_read_from_the_placement_file(tmp_path):
    """The same hosts and GPUs as the exported table has."""
    workload = grid_workload(tp=2, dp=2, pp=2, families=[("dp", "all_reduce", 1)])
    placement = claimed(grid_cluster(2, 1, 4), workload, np.array([7, 2, 5, 4, 3, 6, 1, 0]))
    (tmp_path / "ranks.csv").write_text(to_csv(placement))
    write_placement(placement, tmp_path / "placement.json")
    table, document = read_plan(tmp_path / "ranks.csv"), read_plan(tmp_path / "placement.json")
    assert (document.hosts, document.gpus) == (table.hosts, table.gpus)
    assert table.gpus == [3, 2, 1, 0, 3, 2, 1, 0]


@pytest.mark.parametrize(
    "text", ["", "host,gpu\na,0\n", "{}", '{"a": ', CSV.replace("\n2,", "\n7,"), CSV.replace("n1,1", "n1,x")]
)
def test_other_files_are_refused(text, tmp_path):
    """With what was expected, and exit code 3."""
    path = tmp_path / "ranks.csv"
    path.write_text(text)
    with pytest.raises(UnusableError, match=r"expected .*ranks\.csv to be a placement file"):
        read_plan(path)
    assert main(["check", str(path), os.devnull]) == 3


@pytest.mark.parametrize(
    ("variables", "rank", "world", "via"),
    [
        ({"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "6"}, 3, 6, "SLURM_PROCID"),
        ({"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "6"}, 2, 6, "OMPI_COMM_WORLD_RANK"),
        ({"PMI_RANK": "1", "PMI_SIZE": "6"}, 1, 6, "PMI_RANK"),
        ({"PMIX_RANK": "1"}, 1, None, "PMIX_RANK"),
        ({"RANK": "4", "WORLD_SIZE": "6", "SLURM_PROCID": "1"}, 4, 6, "RANK"),
        ({"OMPI_COMM_WORLD_RANK": "5", "SLURM_PROCID": "0"}, 5, None, "OMPI_COMM_WORLD_RANK"),
        ({"RANK": "", "SLURM_PROCID": "2"}, 2, None, "SLURM_PROCID"),
    ],
)
def test_the_rank_comes_from_the_innermost_launcher(plan, variables, rank, world, via):
    """Whatever launcher that is; its size comes from the same."""
    report, _ = here(plan, environ=variables)
    assert (report.rank, report.world, report.via) == (rank, world, via)


def test_no_launcher_is_an_error_unless_the_rank_is_given(plan):
    """Nothing is guessed."""
    with pytest.raises(UnusableError, match="try --rank N"):
        here(plan, environ={})
    assert here(plan, rank=5, environ={})[0].rank == 5


def test_the_host_is_the_name_that_the_plan_knows(plan):
    """The own name, or Slurm's name of the node where several stand on one machine."""
    own = os.uname().nodename
    assert here(plan, rank=0, environ={"SLURMD_NODENAME": "n3"})[0].host == "n3"
    assert here(plan, rank=0, environ={"SLURMD_NODENAME": "other"})[0].host == own
    assert here(plan, rank=0, host="n9", environ={"SLURMD_NODENAME": "n3"})[0].host == "n9"
    known = plan._replace(hosts=[own, *plan.hosts[1:]])
    assert here(known, rank=0, environ={"SLURMD_NODENAME": "n3"})[0].host == own


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("n1", "n1", True),
        ("n1", "N1.site.org", True),
        ("n1.site.org", "n1", True),
        ("n1.a.org", "n1.b.org", False),
        ("n1", "n10", False),
    ],
)
def test_short_names_stand_for_full_ones(one, other, same):
    """But two full names must be equal."""
    assert same_host(one, other) is same


FOUR = [Device(f"GPU-{letter}00", usable=True) for letter in "abcd"]
TWO_OF_FOUR = [device._replace(usable=letter in "bd") for letter, device in zip("abcd", FOUR, strict=True)]


@pytest.mark.parametrize(
    ("variables", "local_rank", "known", "expected"),
    [
        ({"CUDA_VISIBLE_DEVICES": "5"}, None, [], 5),
        ({"CUDA_VISIBLE_DEVICES": "5"}, 3, [], 5),
        ({"CUDA_VISIBLE_DEVICES": "4,6,7"}, 1, [], 6),
        ({"CUDA_VISIBLE_DEVICES": "4,6,7"}, 3, [], "local rank 3 has no device among the 3"),
        ({"CUDA_VISIBLE_DEVICES": "4,6,7"}, None, [], "no local rank"),
        ({"CUDA_VISIBLE_DEVICES": ""}, 0, [], "no device among the 0"),
        ({"CUDA_VISIBLE_DEVICES": "1", "ROCR_VISIBLE_DEVICES": "1"}, 0, [], 1),
        ({"ROCR_VISIBLE_DEVICES": "4,6", "HIP_VISIBLE_DEVICES": "1"}, 0, [], 6),
        ({"HIP_VISIBLE_DEVICES": "3"}, 0, [], 3),
        ({}, 2, [], 2),
        ({}, None, [], "no local rank"),
        ({"CUDA_VISIBLE_DEVICES": "GPU-c"}, 0, FOUR, 2),
        ({"CUDA_VISIBLE_DEVICES": "GPU-c"}, 0, [], "no driver here lists GPU-c"),
        ({"CUDA_VISIBLE_DEVICES": "MIG-c"}, 0, FOUR, "no driver here lists MIG-c"),
        ({"CUDA_VISIBLE_DEVICES": "1"}, 0, TWO_OF_FOUR, 3),
        ({"CUDA_VISIBLE_DEVICES": "2"}, 0, TWO_OF_FOUR, "there is no device 2"),
        ({"CUDA_VISIBLE_DEVICES": "1"}, 0, None, "a part of the host's GPUs"),
    ],
)
def test_the_gpu_is_the_visible_one_of_the_local_rank(variables, local_rank, known, expected):
    """As its index on the host, even where a cgroup hides others; never invented."""
    index, reason = gpu_here(variables, local_rank, known)
    if isinstance(expected, int):
        assert (index, reason) == (expected, "")
    else:
        assert index is None
        assert expected in reason


def driver(folder, minors):
    """What NVIDIA's driver shows of GPUs with these minor numbers."""
    for position, minor in enumerate(minors):
        path = folder / f"0000:{position}a:00.0" / "information"
        path.parent.mkdir(parents=True)
        path.write_text(f"Model: \t\t NVIDIA H100\nGPU UUID: \t GPU-{position}\nDevice Minor: \t {minor}\n")


def test_devices_stand_in_bus_order(tmp_path):
    """Each with its UUID, usable where its device file may be opened."""
    driver(tmp_path / "gpus", [1, 0, 2])
    for minor in (0, 2):
        (tmp_path / f"nvidia{minor}").touch()
    found = devices(str(tmp_path / "gpus"), str(tmp_path / "nvidia"))
    assert found == [Device("GPU-0", False), Device("GPU-1", True), Device("GPU-2", True)]  # noqa: FBT003
    assert devices(str(tmp_path / "none")) == []


def test_a_part_of_the_hosts_devices_has_no_known_indices(tmp_path):
    """In a container with two GPUs of eight."""
    driver(tmp_path / "gpus", [0, 5])
    assert devices(str(tmp_path / "gpus")) is None


def test_all_right(plan):
    """One line that says so."""
    assert check(plan, reported()) == (True, "6 ranks: 6 right")


def test_a_sorted_host_list_is_named(plan):
    """Ranks that are elsewhere are listed by runs, with their coordinates, and the cause is told."""
    verdict = check(plan, reported(hosts=["n1", "n1", "n2", "n3", "n3", "n3"]))
    assert not verdict.right
    assert verdict.text.splitlines() == [
        "ranks  tp   pp  planned  GPU  found  GPU",
        "0-1    0-1  0   n2       0,2  n1     0,2  other host",
        "2      0    1   n1       1    n2     1    other host",
        "",
        "the hosts stand in the order of their names, not in the planned one",
        "6 ranks: 3 right, 3 other host",
    ]


@pytest.mark.parametrize(
    ("reports", "told"),
    [
        (reported(hosts=["n3", "n3", "n2", "n1", "n1", "n1"]), "planned hosts in another order"),
        (reported(hosts=["n2", "n1", "n1", "n3", "n3", "n3"]), "with other numbers of ranks"),
        (reported(hosts=["n2", "n2", "n7", "n3", "n3", "n3"]), "not in the placement, but in the job: n7"),
        (reported(hosts=["n2", "n2", "n7", "n3", "n3", "n3"]), "no rank reports from it: n1"),
        (reported(gpus=[0, 1, 1, 0, 1, 3]), "the hosts are right, the GPUs in them are not"),
        (reported(world=4)[:4], "the job has 4 ranks, the placement 6"),
        ([each._replace(rank=0) for each in reported()], "every process says that it is rank 0"),
        ([*reported(), *(each._replace(pid=9) for each in reported())], "lines of several runs"),
        (reported()[:4], "4-5    0-1  2   n3       1,3  -      -    missing"),
        ([*reported(), Report(6, None, "n1", 0, 1, "RANK")], "6      -   -   -"),
        ([*reported(), Report(2, None, "n3", None, 1, "RANK")], "twice"),
        ([], "6 ranks: 0 right, 6 missing"),
    ],
)
def test_what_is_wrong_is_told(plan, reports, told):
    """In words that say where to look."""
    verdict = check(plan, reports)
    assert not verdict.right
    assert told in verdict.text


def test_numbers_in_names_may_be_sorted_as_numbers():
    """As Slurm does: node2 before node10."""
    plan = Plan(["n10", "n2", "n9"], [0, 0, 0], {})
    verdict = check(plan, reported(hosts=["n2", "n9", "n10"], gpus=[0, 0, 0], world=3))
    assert "in the order of their names, not in the planned one" in verdict.text


def test_the_launching_host_may_stand_before_sorted_ones():
    """As with Open MPI, which puts it first."""
    plan = Plan(["n1", "n4", "n3", "n2"], [0] * 4, {})
    verdict = check(plan, reported(hosts=["n3", "n1", "n2", "n4"], gpus=[0] * 4, world=4))
    assert "in the order of their names, the first aside, not in the planned one" in verdict.text


def test_an_unknown_gpu_is_said_and_not_compared(plan):
    """The host alone decides."""
    verdict = check(plan, [each._replace(gpu=None) for each in reported()])
    assert verdict.right
    assert "GPU not known, hosts compared alone: ranks 0-5" in verdict.text


def test_the_same_log_twice_counts_once(plan):
    """The same process said it."""
    assert check(plan, reported() * 2).right


def test_long_tables_are_cut(tmp_path):
    """With how much is left out; the summary counts all."""
    plan = Plan([f"n{rank}" for rank in range(100)], [0] * 100, {})
    text = check(plan, []).text
    assert "and 60 more lines" in text
    assert text.endswith("100 ranks: 0 right, 100 missing")


def test_reports_are_found_among_anything():
    """With a launcher's labels before them, and half lines of other ranks."""
    first, second = Report(0, 6, "n2", 0, 7, "RANK"), Report(1, None, "n2.x", None, 8, "PMI_RANK")
    log = f"0: {first} right\nwarning: no{second} WRONG, planned host=n1 gpu=2\n[1,2]<stdout>: step 3\n"
    assert reports_in(log) == [first, second]


@pytest.mark.parametrize(
    ("numbers", "text"), [([], "-"), ([3], "3"), ([1, 0, 2, 5], "0-2,5"), ([0, 2, 3], "0,2-3")]
)
def test_ranges(numbers, text):
    """Runs in short."""
    assert ranges(numbers) == text


def test_a_rank_says_where_it_is(ranks, launched, capsys):
    """One line that `check` reads, and exit 1 where it is wrong."""
    launched(SLURM_PROCID=2, SLURM_STEP_NUM_TASKS=6, SLURM_LOCALID=0, CUDA_VISIBLE_DEVICES=1)
    assert main([str(ranks), "--host", "n1"]) == 0
    pid = os.getpid()
    right = f"planner-verify rank=2 of=6 host=n1 gpu=1 pid={pid} via=SLURM_PROCID right\n"
    assert capsys.readouterr().out == right
    assert main([str(ranks), "--host", "n3"]) == 1
    assert capsys.readouterr().out.endswith(" WRONG, planned host=n1 gpu=1\n")
    assert main([str(ranks), "--host", "n3", "--exit-zero"]) == 0
    launched(SLURM_STEP_NUM_TASKS=8)
    assert main([str(ranks), "--host", "n1"]) == 1
    assert "WRONG, the job has 8 ranks, the placement 6" in capsys.readouterr().out
    launched(SLURM_PROCID=6)
    assert main([str(ranks), "--host", "n1"]) == 1
    assert "WRONG, the placement has 6 ranks" in capsys.readouterr().out


def test_a_rank_says_why_its_gpu_is_not_known(ranks, launched, capsys):
    """And is right all the same."""
    assert main([str(ranks), "--rank", "2", "--host", "n1"]) == 0
    assert "right (GPU not known: there is no local rank" in capsys.readouterr().out


def test_logs_are_checked(ranks, tmp_path, capsys):
    """All named, or standard input; a log that is not there is exit 3."""
    half = "\n".join(map(str, reported()[:3])), "\n".join(map(str, reported()[3:]))
    logs = [tmp_path / "a.log", tmp_path / "b.log"]
    for log, text in zip(logs, half, strict=True):
        log.write_text(text)
    assert main(["check", str(ranks), *map(str, logs)]) == 0
    assert capsys.readouterr().out == "6 ranks: 6 right\n"
    assert main(["check", str(ranks), str(logs[0])]) == 1
    assert main(["check", str(ranks), str(tmp_path / "c.log")]) == 3


def test_ranks_gather_in_a_folder(plan, tmp_path, launched):
    """Rank 0 has the table, and all come to the same verdict."""
    launched(SLURM_JOB_ID=7)
    outcomes = {}

    def rank(report):
        outcomes[report.rank] = gathered(plan, report, tmp_path / "deep" / "g", 20)

    wrong = reported(gpus=[0, 1, 1, 0, 1, 3])
    threads = [threading.Thread(target=rank, args=[report]) for report in wrong]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(verdict.right for verdict in outcomes.values())
    assert "other GPU" in outcomes[0].text
    assert {outcomes[each].text for each in range(1, 6)} == {""}


def test_runs_without_a_name_follow_one_another_in_a_folder(plan, tmp_path, launched):
    """What an earlier run left there is neither counted nor taken for the verdict."""
    launched()
    right, wrong = reported(), reported(gpus=[0, 1, 1, 0, 1, 3])
    for run, reports in enumerate((right, wrong, right)):
        outcomes = {}

        def rank(report, pid=run * 100, outcomes=outcomes):
            own = report._replace(pid=pid + report.rank)
            outcomes[report.rank] = gathered(plan, own, tmp_path / "g", 20)

        threads = [threading.Thread(target=rank, args=[report]) for report in reports[::-1]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {verdict.right for verdict in outcomes.values()} == {reports is right}, outcomes[0].text


def test_ranks_do_not_wait_for_ever(plan, tmp_path, launched):
    """Who does not come is missing; without rank 0 there is no verdict, which is not right."""
    verdict = gathered(plan, reported()[0], tmp_path / "a", 0.1)
    assert "5 missing" in verdict.text
    verdict = gathered(plan, reported()[1], tmp_path / "b", 0.1)
    assert verdict == (False, "rank 1: no verdict from rank 0 in 0.2 s")


def test_another_run_in_the_same_folder_stands_apart(plan, tmp_path, launched):
    """Where the launcher tells runs apart."""
    launched(SLURM_JOB_ID=7)
    gathered(plan, reported()[0], tmp_path, 0)
    launched(SLURM_JOB_ID=8)
    for report in reported()[1:]:
        (tmp_path / f"8-rank-{report.rank}-{report.pid}.txt").write_text(str(report))
    assert gathered(plan, reported()[0], tmp_path, 0).right


def test_a_program_verifies_itself(ranks, launched):
    """Alone, or with a function that gathers; what is wrong is raised."""
    launched(RANK=0, WORLD_SIZE=6, LOCAL_RANK=0)
    assert verify(ranks, host="n2").right
    with pytest.raises(MisplacedError, match="6 ranks: 0 right, 1 other host"):
        verify(ranks, host="n1")
    others = [str(report) for report in reported()[1:]]
    assert verify(ranks, host="n2", gather=lambda mine: [mine, *others]).right
    with pytest.raises(MisplacedError, match="missing"):
        verify(ranks, host="n2", gather=lambda mine: [mine, *others[1:]])


def test_a_process_may_be_several_ranks(ranks, launched):
    """As a JAX process that drives all GPUs of its host."""
    assert verify(ranks, rank=[3, 4, 5], gpu=[0, 1, 3], host="n3").right
    with pytest.raises(MisplacedError, match="other GPU"):
        verify(ranks, rank=[3, 4, 5], gpu=[0, 1, 2], host="n3")


def test_a_copy_runs_alone(ranks, tmp_path):
    """In isolated mode, importing nothing heavy."""
    copy = tmp_path / "planner_verify.py"
    shutil.copy(module.__file__, copy)
    script = (
        f"import sys; before = set(sys.modules); sys.path.insert(0, {str(tmp_path)!r});"
        "import planner_verify; planner_verify.main([sys.argv[1], '--rank', '0', '--host', 'n2']);"
        "print(sorted({m.partition('.')[0] for m in set(sys.modules) - before}))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, ranks], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.splitlines()[-1].strip("[]").replace("'", "").split(", "))
    assert loaded - {"planner_verify"} <= set(sys.stdlib_module_names)
    assert not loaded & {"asyncio", "dataclasses", "inspect", "json", "logging", "subprocess", "socket"}
    alone = [sys.executable, copy, ranks, "--rank", "0", "--host", "n1"]
    assert subprocess.run(alone, capture_output=True, check=False).returncode == 1


def test_older_pythons_read_it():
    """Jobs run on the Python of their container, which may be 3.8."""
    tree = ast.parse(Path(module.__file__).read_text(), feature_version=(3, 8))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    newer = [node.lineno for node in calls if any(each.arg == "strict" for each in node.keywords)]
    assert not newer


def test_the_placement_file_needs_no_more_than_three_columns(tmp_path):
    """Of the documented format."""
    document = {"topology": {"host_names": ["b", "a"]}, "ranks": {"node": [1, 0], "local_gpu": [4, 5]}}
    (tmp_path / "p.json").write_text(json.dumps(document))
    assert read_plan(tmp_path / "p.json") == (["a", "b"], [4, 5], {})


def test_the_command_is_installed():
    """Under its name."""
    project = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    assert 'planner-verify = "planner.verify:main"' in project
