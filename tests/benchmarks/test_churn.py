"""The soak of failures and repairs, in small."""

from __future__ import annotations

import pytest

from tests.benchmarks.churn import soak

pytestmark = pytest.mark.slow

TOPOLOGY = """\
format_version: 1
name: small
gpu: gb300
tiers:
  - {name: node, nics: {count: 4, bandwidth: 800 Gb/s}}
  - {name: rack, scale_up: 900 GB/s}
  - {name: unit, uplink: 57.6 TB/s}
  - {name: cluster}
domains:
  - {unit: "u[1-4]", rack: "r[1-8]", node: "t[01-18]", gpus: 4}
"""
WORKLOAD = """\
format_version: 1
name: small
parallelism: {tp: 4, pp: 8, dp: 64, ep: 16}
keep: {tp: node, ep: rack}
traffic:
  tp: {kind: all_reduce, bytes: 80 MB}
  ep: {kind: all_to_all, bytes: 2 MB}
  pp: {kind: p2p, bytes: 60 MB}
  dp: {kind: all_reduce, bytes: 50 MB}
"""


def test_every_step_is_sound(tmp_path):
    """Over a hundred events placements pass the check, moves meet their bound; more keep drift small."""
    (tmp_path / "topology.yaml").write_text(TOPOLOGY)
    (tmp_path / "workload.yaml").write_text(WORKLOAD)
    files = str(tmp_path / "topology.yaml"), str(tmp_path / "workload.yaml")
    found = soak(*files, 100, down=12, fresh=25, improve=1024, seed=1)
    assert found.events == 100
    assert found.excess == 0
    assert found.moved > 0
    assert found.resized > 0
    assert max(found.drift) < 0.05
