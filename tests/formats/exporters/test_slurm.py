"""Slurm's batch script and host file."""

from __future__ import annotations

import pytest

from planner.errors import UsageError
from planner.formats.exporting import bundle
from tests.formats.jobs import in_blocks, irregular, regular
from tests.formats.launches import called, exported


def requests(files):
    """What the batch script asks of sbatch."""
    lines = files["job.sbatch"].splitlines()
    found = [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH ")]
    # sbatch stops to read at the first command.
    assert lines[1 : 1 + len(found)] == [f"#SBATCH {each}" for each in found]
    return found


def test_hostfile(tmp_path):
    """One host a line and rank, in the order of the ranks, and a remark on the GPU."""
    files = exported(irregular(), "slurm", tmp_path / "run")
    expected = "r01-n00 r00-n01 r00-n01 r01-n00 r00-n01 r00-n00 r00-n01 r00-n00 r00-n01 r01-n00"
    lines = [line.split(" # gpu ") for line in files["hostfile"].splitlines()]
    assert [host for host, _ in lines] == expected.split()
    assert [gpu for _, gpu in lines] == list("5760411302")


def test_requests(tmp_path):
    """Whole hosts with all their GPUs, and what was asked for beside."""
    given = ("time=1:00:00", "partition=gpu", "account=me")
    assert requests(exported(in_blocks(), "slurm", tmp_path / "run", *given)) == [
        "--job-name=test",
        "--nodes=3",
        "--ntasks=12",
        "--nodelist=r00-n[00-01],r01-n00",
        "--exclusive",
        "--gres=gpu:4",
        "--time=1:00:00",
        "--partition=gpu",
        "--account=me",
    ]


@pytest.mark.parametrize(
    ("given", "asked"),
    [((), "--gpus=18"), (("gres=gpu:h100:4",), "--gres=gpu:h100:4"), (("gres=none",), None)],
)
def test_gpus_of_unequal_hosts(tmp_path, given, asked):
    """They are asked for in all, unless the option says how; the step asks as the job does."""
    folder = tmp_path / "run"
    found = requests(exported(irregular(), "slurm", folder, *given))
    words = called(folder, "job.sbatch", "srun")
    for where in (found, words):
        assert [each for each in where if each.startswith("--g")] == ([asked] if asked else [])


def test_what_srun_is_told(tmp_path):
    """The host file in the environment, and a distribution that follows it."""
    folder = tmp_path / "run"
    exported(regular(), "slurm", folder, "command=a b")
    expected = "--ntasks=8 --distribution=arbitrary --gres=gpu:4 --cpu-bind=none --kill-on-bad-exit python3"
    expected += f" {folder}/place.py --rank SLURM_PROCID --world SLURM_STEP_NUM_TASKS --port 29500 -- a b"
    assert called(folder, "job.sbatch", "srun") == expected.split()


@pytest.mark.parametrize("name", ["run", "a run"])
def test_the_copy_that_sbatch_runs_finds_the_folder(tmp_path, name):
    """It lies elsewhere, so Slurm is asked where the script was, or whence it was submitted."""
    folder, spool = tmp_path / name, tmp_path / "spool"
    exported(regular(), "slurm", folder)
    (spool / "bin").mkdir(parents=True)
    (spool / "slurm_script").write_bytes((folder / "job.sbatch").read_bytes())
    (spool / "slurm_script").chmod(0o755)
    scontrol = spool / "bin/scontrol"
    scontrol.write_text(f'#!/bin/sh\n[ "$3" = 17 ] && echo "   Command={folder}/job.sbatch a b"\n')
    scontrol.chmod(0o755)
    submitted = str(folder if " " in name else tmp_path)
    words = called(spool, "slurm_script", "srun", env={"SLURM_JOB_ID": "17", "SLURM_SUBMIT_DIR": submitted})
    assert f"{folder}/place.py" in words


def test_hosts_with_gpus_out_of_service_are_told():
    """Slurm may count them or not, which only the site knows."""
    notes = [
        b"GPUs out of service" in bundle(each, "slurm").files["README.md"]
        for each in (irregular(), regular())
    ]
    assert notes == [True, False]


@pytest.mark.parametrize("given", ["time=1 --wrap=x", "partition=a#b", "account=$(x)", "gres=gpu:8;x"])
def test_options_are_one_word(given):
    """None can bring in others."""
    with pytest.raises(UsageError) as caught:
        bundle(irregular(), "slurm", [given])
    assert caught.value.problems[0].code == "E002"
