"""`planner diff`."""

from __future__ import annotations

from tests.builders import claimed
from tests.cli.commands import planner


def moved(placement, tmp_path):
    """The same job with two ranks exchanged."""
    from planner.placement.file import read_placement, write_placement

    stored = read_placement(placement)
    gpus = stored.gpu_of_rank.copy()
    gpus[[0, 15]] = gpus[[15, 0]]
    other = tmp_path / "moved.json"
    write_placement(claimed(stored.cluster, stored.workload, gpus), other)
    return other


def test_the_same_ends_with_0(placement):
    """A file against itself."""
    outcome = planner("diff", placement, placement)
    assert outcome.code == 0
    assert "none moved" in outcome.out


def test_a_move_ends_with_1(placement, tmp_path):
    """The ranks, and what it did to each tier."""
    outcome = planner("diff", placement, moved(placement, tmp_path))
    assert outcome.code == 1
    assert "2 of 16 ranks moved" in outcome.out
    assert "rack" in outcome.out


def test_json(placement, tmp_path):
    """The same as plain data."""
    document = planner("diff", placement, moved(placement, tmp_path), "--json").document
    assert document["same"] is False
    assert document["moved_ranks"] == [0, 15]
    assert document["objective_after"] > document["objective_before"]
