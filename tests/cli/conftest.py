"""A small cluster, a small job and a placement of it, as files."""

from __future__ import annotations

import shutil

import pytest

from tests.cli.commands import TOPOLOGY, WORKLOAD, planner


@pytest.fixture
def topology(tmp_path):
    """Two racks of two nodes of four GPUs."""
    path = tmp_path / "little.yaml"
    path.write_text(TOPOLOGY)
    return path


@pytest.fixture
def workload(tmp_path):
    """Sixteen ranks: two tensor-parallel, two stages, four replicas."""
    path = tmp_path / "small.yaml"
    path.write_text(WORKLOAD)
    return path


@pytest.fixture(scope="session")
def planned(tmp_path_factory):
    """A placement of the one on the other, planned once."""
    folder = tmp_path_factory.mktemp("planned")
    (folder / "little.yaml").write_text(TOPOLOGY)
    (folder / "small.yaml").write_text(WORKLOAD)
    path = folder / "planned.json"
    outcome = planner("plan", folder / "little.yaml", folder / "small.yaml", "-o", path)
    assert outcome.code == 0, outcome.err
    return path


@pytest.fixture
def placement(planned, tmp_path):
    """A copy of that placement, to do with as a test likes."""
    return shutil.copy(planned, tmp_path / "placement.json")
