"""`planner search`."""

from __future__ import annotations

from planner.workload.load import load_workload
from tests.cli.commands import planner

ASKED = ("llama-3.1-8b", "--batch", 32, "--sequence", 4096, "--set", "cp=1", "--set", "micro=1")


def test_json(topology):
    """The fastest, the front, and how many there are."""
    document = planner("search", topology, *ASKED, "--top", 2, "--place", 0, "--json").document
    assert len(document["best"]) == 2
    assert document["best"][0]["step_s"] <= document["best"][1]["step_s"]
    assert document["considered"] > 50


def test_best_as_a_workload_file(topology, tmp_path):
    """It loads, and is placed as it stands."""
    path = tmp_path / "best.yaml"
    outcome = planner("search", topology, *ASKED, "--top", 1, "--keep", "tp=node", "-o", path)
    assert outcome.code == 0, outcome.err
    assert "placed" in outcome.out
    loaded = load_workload(path)
    assert loaded.mesh.world_size <= 16
    assert loaded.keep == {"tp": "node"}


def test_mistakes_on_the_command_line(topology):
    """Unknown names and formats, with what is meant."""
    for arguments, word in (
        (("--set", "tq=2"), "tq"),
        (("--set", "tp"), "no value"),
        (("--precision", "fp9"), "fp9"),
        (("--keep", "xp=node"), "xp"),
    ):
        outcome = planner("search", topology, *ASKED, *arguments)
        assert outcome.code == 2
        assert word in outcome.err


def test_nothing_fits(topology):
    """Said plainly, with exit 3."""
    outcome = planner("search", topology, "moe-6t", "--batch", 16)
    assert outcome.code == 3
    assert "no strategy" in outcome.err
