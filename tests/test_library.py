"""Finding shipped files."""

from __future__ import annotations

import pytest

from planner import library
from planner.errors import InputError
from planner.library import find, folder, shipped

TOPOLOGIES = {
    "dgx-h100-superpod",
    "gb200-nvl72-5120",
    "gb300-220k",
    "gb300-220k-degraded",
    "gb300-superpod",
    "hpn-15k",
    "lab-4x8",
    "llama3-24k",
    "mixed-nics",
}
GPUS = [
    "a100",
    "b200",
    "b300",
    "gb200",
    "gb300",
    "h100",
    "h200",
    "mi300x",
    "mi355x",
    "tpu-v5p",
    "tpu-v6e",
    "tpu7x",
]


def test_shipped_names():
    """Every topology and GPU of the contract ships."""
    assert set(shipped("topology")) >= TOPOLOGIES
    assert shipped("gpu") == GPUS
    assert "llama-405b-16384" in shipped("workload")


@pytest.mark.parametrize("name", ["lab-4x8", "lab-4x8.yaml"])
def test_name_with_or_without_suffix(name, tmp_path, monkeypatch):
    """A shipped file is found by name from any folder."""
    monkeypatch.chdir(tmp_path)
    assert find("topology", name) == folder("topology") / "lab-4x8.yaml"


def test_path_wins_over_name(tmp_path, monkeypatch):
    """A file of the working folder wins over a shipped one of the same name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab-4x8.yaml").write_text("x")
    assert find("topology", "lab-4x8.yaml").resolve() == tmp_path / "lab-4x8.yaml"
    assert find("topology", "lab-4x8").parent == folder("topology")


def test_name_of_another_kind():
    """Who gives a workload where a topology is wanted is told so."""
    with pytest.raises(InputError, match="llama-70b-32 is a workload"):
        find("topology", "llama-70b-32")


def test_beside(tmp_path):
    """A relative path may start from another folder than the working one."""
    (tmp_path / "base.yaml").write_text("x")
    assert find("topology", "base.yaml", beside=tmp_path) == tmp_path / "base.yaml"


@pytest.mark.parametrize("name", ["lab-4x9", "somewhere/lab-4x9.yaml"])
def test_unknown_name(name):
    """An unknown name is told the names there are and the nearest one."""
    with pytest.raises(InputError) as caught:
        find("topology", name)
    problem = caught.value.problems[0]
    assert problem.code == "F001"
    assert "hpn-15k" in problem.expected
    assert problem.suggestion == "did you mean 'lab-4x8'?"


def test_hostile_name():
    """A name with a zero byte is an unknown name and no crash."""
    with pytest.raises(InputError) as caught:
        find("workload", "a\0b")
    assert caught.value.problems[0].code == "F001"


def test_installed_data_come_first(tmp_path, monkeypatch):
    """Where the package carries topologies itself, as a wheel does, these are used."""
    (tmp_path / "data" / "topologies").mkdir(parents=True)
    (tmp_path / "data" / "topologies" / "only.yaml").write_text("x")
    monkeypatch.setattr(library, "PACKAGE", tmp_path)
    assert shipped("topology") == ["only"]
