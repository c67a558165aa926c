"""`planner presets`."""

from __future__ import annotations

from planner.library import shipped
from tests.cli.commands import planner


def test_every_shipped_name_is_listed():
    """As text and as JSON, each with what it is."""
    document = planner("presets", "--json").document
    out = planner("presets").out
    for kind, key in (
        ("topology", "topologies"),
        ("workload", "workloads"),
        ("model", "models"),
        ("gpu", "gpus"),
    ):
        assert [entry["name"] for entry in document[key]] == shipped(kind)
        assert all(entry["about"] for entry in document[key])
        assert all(name in out for name in shipped(kind))
