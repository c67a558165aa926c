"""Steps of the jobs of a fleet."""

from __future__ import annotations

from planner.fleet.placed import FleetClaims, PlacedFleet, PlacedJob
from planner.fleet.schedules import examine_jobs
from planner.topology.load import load_topology
from planner.workload.load import load_workload
from tests.builders import claimed, grid_workload


def test_each_job_with_a_schedule_is_run():
    """A trained model has one; traffic that is given outright has none."""
    cluster = load_topology("lab-4x8")
    model, traffic = load_workload("llama-8b-32"), grid_workload(dp=2)
    jobs = (
        PlacedJob("trainer", 1.0, claimed(cluster, model, range(32))),
        PlacedJob("other", 1.0, claimed(cluster, traffic, range(2))),
    )
    found = examine_jobs(PlacedFleet("fleet", cluster, jobs, (), FleetClaims(0.0, 0.0, (), 0.0)))
    assert found["other"] is None
    assert found["trainer"].ok
    assert found["trainer"].operations > 0
