"""`planner compare`."""

from __future__ import annotations

import io

import pytest

from planner.cli.compare import _status
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


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A placement of a job with a model."""
    path = tmp_path_factory.mktemp("trained") / "placement.json"
    workload = path.with_name("job.yaml")
    workload.write_text(
        "format_version: 1\nname: job\nmodel: llama-3.1-8b\nparallelism: {tp: 2, dp: 16}\n"
        "batch: {global: 32, micro: 1, sequence: 4096}\ndata_parallel: fsdp\n"
    )
    outcome = planner("plan", "lab-4x8", workload, "-o", path)
    assert outcome.code == 0, outcome.err
    return path


def test_strategies(trained):
    """Other software's strategies beside the placement's, as tables and as JSON."""
    text = planner("compare", trained, "--strategy").out
    assert all(name in text for name in ("planner", "maxtext", "megatron", "deepspeed", "jax-mesh"))
    document = planner("compare", trained, "--strategy", "--flops", "full", "--json").document
    assert document["flop_count"] == "full"
    assert document["strategies"][0]["name"] == "planner"
    assert {"step_s", "tokens_per_s", "tiers", "memory_bytes", "ratio"} <= set(document["strategies"][0])


@pytest.mark.parametrize("option", [["--search"], ["--flops", "full"]])
def test_options_of_strategies_need_them(placement, option):
    """They would not be looked at."""
    outcome = planner("compare", placement, *option)
    assert outcome.code == 2
    assert option[0] in outcome.err


def test_strategies_need_a_model(placement):
    """Of traffic given outright nobody knows what it computes."""
    outcome = planner("compare", placement, "--strategy")
    assert outcome.code == 2
    assert "names no model" in outcome.err


class Terminal(io.StringIO):
    """A stream that someone watches."""

    def isatty(self):
        """It says so."""
        return True


def test_status_on_a_terminal(monkeypatch):
    """Told while it lasts where someone watches, and not a word elsewhere."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", quiet := io.StringIO())
    with _status() as tell:
        assert tell is None
    assert quiet.getvalue() == ""
    monkeypatch.setattr("sys.stderr", watched := Terminal())
    with _status() as tell:
        tell("megatron")
    assert "megatron" in watched.getvalue()
