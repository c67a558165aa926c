"""Which groups cross which tier."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.crossing import measure
from planner.report.worst_groups import groups_view, worst_groups
from tests.report.jobs import text_of, two_racks


def test_worst_first_with_names_and_domains():
    """Pipelines of stages on four nodes cross three times, all eight alike."""
    found = worst_groups(two_racks(), 0, 3)
    assert (found.crossing, found.total) == (8, 16 + 8 + 8)
    (first,) = found.groups
    assert first.alike == 8
    assert first.name == "pp of tp=0 dp=0"
    assert first.ranks == (0, 8, 16, 24)
    assert first.crossing_bytes == 3 * 2e8
    assert first.touches == 4
    assert first.domains == ("r00/n00", "r00/n01", "r01/n00", "r01/n01")


def test_a_moved_rank_shows_up_first():
    """Swapping two ranks of different nodes puts both their data-parallel groups at the top."""
    order = np.arange(32)
    order[[0, 31]] = order[[31, 0]]
    worst = worst_groups(two_racks(order), 1, 2).groups[0]
    assert (worst.name, worst.alike, worst.crossing_bytes) == ("dp of tp=0 pp=0", 2, 2 * 5e9)


@pytest.mark.parametrize("tier", [0, 1])
def test_all_groups_together_are_the_tier(tier):
    """Listed without a limit, the groups' bytes add up to the tier's crossing bytes."""
    placement = two_racks(np.random.default_rng(7).permutation(32))
    found = worst_groups(placement, tier, 1000)
    whole = measure(placement.cluster, placement.workload, placement.gpu_of_rank)
    listed = sum(group.alike * group.crossing_bytes for group in found.groups)
    assert listed == pytest.approx(whole.tier_bytes[tier])
    assert sum(group.alike for group in found.groups) == found.crossing


def test_view_and_document():
    """Both say how many groups cross, and name the worst."""
    found = worst_groups(two_racks(), 1, 1)
    text = text_of(groups_view([found]))
    assert "8 of 32 groups cross the rack tier" in text
    assert "2 racks: r[00-01]" in text
    assert found.document()["worst"][0]["group"] == "pp of tp=0 dp=0"
