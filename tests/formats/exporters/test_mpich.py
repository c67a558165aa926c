"""MPICH's machinefile."""

from __future__ import annotations

from tests.formats.jobs import in_blocks, irregular
from tests.formats.launches import called, exported


def test_machinefile(tmp_path):
    """Lines follow the ranks: a host comes back where its ranks have a gap."""
    files = exported(irregular(), "mpich", tmp_path / "run")
    expected = "r01-n00:1 r00-n01:2 r01-n00:1 r00-n01:1 r00-n00:1 r00-n01:1 r00-n00:1 r00-n01:1 r01-n00:1"
    assert files["machinefile"].split() == expected.split()
    files = exported(in_blocks(), "mpich", tmp_path / "blocks")
    assert files["machinefile"] == "r01-n00:4\nr00-n01:4\nr00-n00:4\n"


def test_what_mpiexec_is_told(tmp_path):
    """The file, the number of ranks, and place.py before the command; another mpiexec if asked."""
    folder = tmp_path / "run"
    exported(irregular(), "mpich", folder, "command=a b")
    expected = f"-f {folder}/machinefile -n 10 python3 {folder}/place.py --rank PMI_RANK --world PMI_SIZE"
    expected += " --port 29500 -- a b"
    assert called(folder, "launch.sh", "mpiexec") == expected.split()
    env = {"MPIEXEC": "mpiexec.hydra", "MPIEXEC_FLAGS": "-launcher ssh"}
    words = called(folder, "launch.sh", "mpiexec.hydra", env=env)
    assert words == ["-launcher", "ssh", *expected.split()]
