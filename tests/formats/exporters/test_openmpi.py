"""Open MPI's rankfile and how each version is told of it."""

from __future__ import annotations

import pytest

from tests.formats.jobs import irregular
from tests.formats.launches import called, exported


def test_rankfile_and_hostfile(tmp_path):
    """Each rank has its host and a remark on its GPU, each host as many slots as ranks."""
    files = exported(irregular(), "openmpi", tmp_path / "run")
    assert files["rankfile"].splitlines() == [
        "rank 0=r01-n00 slot=0 # gpu 5",
        "rank 1=r00-n01 slot=0 # gpu 7",
        "rank 2=r00-n01 slot=0 # gpu 6",
        "rank 3=r01-n00 slot=0 # gpu 0",
        "rank 4=r00-n01 slot=0 # gpu 4",
        "rank 5=r00-n00 slot=0 # gpu 1",
        "rank 6=r00-n01 slot=0 # gpu 1",
        "rank 7=r00-n00 slot=0 # gpu 3",
        "rank 8=r00-n01 slot=0 # gpu 0",
        "rank 9=r01-n00 slot=0 # gpu 2",
    ]
    assert files["hostfile"] == "r01-n00 slots=3\nr00-n01 slots=5\nr00-n00 slots=2\n"


@pytest.mark.parametrize("version", ["4", "5", "6"])
def test_what_mpirun_is_told(tmp_path, version):
    """Version 4 takes the rankfile by path and has its binding undone; later ones take it by name."""
    folder = tmp_path / "run"
    exported(irregular(), "openmpi", folder, f"version={version}", "port=7", "command=python a.py 'b c'")
    words = called(folder, "launch.sh", "mpirun", env={"MPIRUN_FLAGS": "--mca x y"})
    placed = words.index("python3")
    assert words[:7] == ["--mca", "x", "y", "-np", "10", "--hostfile", str(folder / "hostfile")]
    if version == "4":
        assert words[7:placed] == ["--rankfile", str(folder / "rankfile")]
    else:
        mapping = ["--map-by", "rankfile:file=rankfile", "--bind-to", "none"]
        assert words[7:placed] == ["--wdir", str(folder), *mapping]
    assert ("--unbind" in words) == (version == "4")
    assert words[words.index("--port") + 1] == "7"
    assert words[-4:] == ["--", "python", "a.py", "b c"]


def test_another_command(tmp_path):
    """What the script is given is run in place of the exported command."""
    exported(irregular(), "openmpi", tmp_path / "run")
    assert called(tmp_path / "run", "launch.sh", "mpirun", "a", "b c")[-3:] == ["--", "a", "b c"]
    assert called(tmp_path / "run", "launch.sh", "mpirun")[-3:] == ["--", "python", "train.py"]
