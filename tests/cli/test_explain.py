"""`planner explain`."""

from __future__ import annotations

from tests.cli.commands import planner


def test_everything(placement):
    """What binds, who crosses, and the map."""
    outcome = planner("explain", placement)
    assert outcome.code == 0
    assert "tier binds" in outcome.out
    assert "ranks of each stage in each" in outcome.out


def test_one_rank(placement):
    """Where it is and whom it talks to, as text and as JSON."""
    assert "rank 5 " in planner("explain", placement, "--rank", 5).out
    document = planner("explain", placement, "--rank", 5, "--json").document
    assert document["rank"] == 5
    assert {peer["family"] for peer in document["peers"]} == {"tp", "pp", "dp"}


def test_json(placement):
    """The facts of the whole placement."""
    document = planner("explain", placement, "--tier", "rack", "--top", 1, "--json").document
    assert document["map"]["tier"] == "rack"
    assert [tier["tier"] for tier in document["groups"]] == ["rack"]
    assert len(document["groups"][0]["worst"]) <= 1


def test_mistakes_are_usage_errors(placement):
    """Ranks, tiers and axes that are not there."""
    for wrong in (("--rank", 99), ("--tier", "rak"), ("--axis", "xp")):
        outcome = planner("explain", placement, *wrong)
        assert (outcome.code, outcome.out) == (2, "")
        assert "error[U006]" in outcome.err
