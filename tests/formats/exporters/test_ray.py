"""Ray exports."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.errors import UsageError
from planner.formats.exporting import bundle
from tests.formats.jobs import irregular, regular


def test_driver():
    """The driver with the command, and the proof by the same driver."""
    export = bundle(irregular(), "ray", ["command=python a.py", "port=4711"])
    assert export.command == "python3 ray_place.py --port 4711 -- python a.py"
    assert export.proof.startswith("python3 ray_place.py --port 4711 -- python3 planner_verify.py ranks.csv")
    assert b"placement_group(" in export.files["ray_place.py"]
    assert "ranks.csv" in export.files


def test_names_that_are_no_hosts():
    """Refused like by every launcher."""
    placement = regular()
    odd = replace(placement, cluster=replace(placement.cluster, host_names=["a b", "c"]))
    with pytest.raises(UsageError, match="E003"):
        bundle(odd, "ray")
