"""JAX exports."""

from __future__ import annotations

import json

from planner.formats.exporting import launcher_files
from tests.formats.jobs import irregular


def test_a_process_a_gpu():
    """Each rank is a process, found by its slot on the host."""
    export = launcher_files(irregular(), "jax", ["dims=dp,pp"])
    plan = json.loads(export.files["jax.json"])
    assert plan["process_is"] == "gpu"
    assert plan["dims"] == ["dp", "pp"]
    assert b"--slot PLANNER_SLOT" in export.files["launch.sh"]
    assert "planner_verify" in export.proof


def test_a_process_a_host():
    """A host is a process, numbered by the order of the lowest ranks, and the first is where all meet."""
    export = launcher_files(irregular(), "jax", ["process=host", "port=4711"])
    launch = export.files["launch.sh"].decode()
    assert "NODE_RANK=$node MASTER_ADDR=r01-n00 MASTER_PORT=4711" in launch
    assert "PLANNER_SLOT" not in launch
    assert export.files["hosts"].decode().split() == ["r01-n00", "r00-n01", "r00-n00"]
