"""`planner compare`."""

from __future__ import annotations

from tests.cli.commands import planner


def test_table(placement):
    """The planner comes first, frameworks and the random median after it."""
    outcome = planner("compare", placement)
    assert outcome.code == 0
    assert all(name in outcome.out for name in ("planner", "megatron", "torchrun", "slurm-cyclic", "random"))
    assert "1.00x" in outcome.out


def test_json(placement):
    """Every order with its bytes; none beats the planner."""
    orders = planner("compare", placement, "--json").document["orders"]
    assert orders[0]["name"] == "planner"
    assert [tier["tier"] for tier in orders[0]["tiers"]] == ["node", "rack", "cluster"]
    values = [order["objective"] for order in orders if order["objective"] is not None]
    assert min(values) == orders[0]["objective"]
