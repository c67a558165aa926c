"""What `plan` and `replan` wrote, as plain data."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from planner.report.documents import plan_document
from tests.builders import claimed, grid_cluster, grid_workload
from tests.report.jobs import two_racks

SECONDS = {"load": 0.1, "solve": 1.5, "check": 0.02, "write": 0.003}


def test_document():
    """The keys that scripts rely on, with the placement's own numbers."""
    placement = two_racks(bound=0.5)
    document = plan_document(placement, SECONDS)
    assert document["status"] == "feasible"
    assert document["objective"] == pytest.approx(placement.claims.value)
    assert document["lower_bound"] == pytest.approx(0.5 * placement.claims.value)
    assert document["gap"] == pytest.approx(1.0)
    assert document["ranks"] == 32
    assert document["gpus"] == {"total": 32, "in_service": 32, "free": 0}
    assert [tier["tier"] for tier in document["tiers"]] == ["node", "rack", "cluster"]
    assert document["tiers"][0]["lower_bound_bytes"] == pytest.approx(2.4e9)
    assert document["seconds"] == SECONDS
    assert json.dumps(document, allow_nan=False)


def test_an_unbounded_gap():
    """A bound of zero under a positive value leaves an infinite gap."""
    assert plan_document(two_racks(bound=0.0), SECONDS)["gap"] == np.inf


def test_free_gpus_are_in_service():
    """GPUs out of service are not counted as left free."""
    cluster = grid_cluster(2, 4, uplinks=(1e9,), down=(7,))
    placement = claimed(cluster, grid_workload(dp=4, families=[("dp", "all_reduce", 1.0)]), np.arange(4))
    assert plan_document(placement, SECONDS)["gpus"] == {"total": 8, "in_service": 7, "free": 3}


def test_spares_in_use():
    """Ranks on spares are counted."""
    cluster = grid_cluster(2, 4, uplinks=(1e9,), down=(7,), spare=(2, 3, 6))
    workload = grid_workload(dp=6, families=[("dp", "all_reduce", 1.0)])
    assert plan_document(claimed(cluster, workload, np.arange(6)), SECONDS)["spares_used"] == 2
    assert plan_document(two_racks(), SECONDS)["spares_used"] == 0


def test_no_terminal_is_loaded():
    """Plain data need no library for terminals, which takes longer to load than some jobs to replan."""
    code = "import sys, planner.report.documents; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
