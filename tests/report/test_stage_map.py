"""The map of stages over domains."""

from __future__ import annotations

import numpy as np
import pytest

from planner.report.stage_map import map_view, stage_map
from tests.builders import claimed, grid_cluster, grid_workload
from tests.report.jobs import text_of, two_racks


def tall(units, stages, replicas, order=None):
    """One stage after the other over units of eight GPUs."""
    cluster = grid_cluster(units, 8, uplinks=(1e9,))
    workload = grid_workload(dp=replicas, pp=stages, families=[("pp", "path", 1.0)])
    return claimed(cluster, workload, np.arange(stages * replicas) if order is None else order)


def test_counts():
    """Each node of the example holds one stage."""
    drawn = stage_map(two_racks(), 0)
    assert (drawn.tier, drawn.axis, drawn.width, drawn.columns) == ("node", "pp", 1, 4)
    assert [row.ranks for row in drawn.rows] == [tuple(8 * (i == j) for j in range(4)) for i in range(4)]


def test_few_columns_are_numbers():
    """Four nodes and four stages are a grid of counts."""
    lines = text_of(map_view(stage_map(two_racks(), 0)), 80).splitlines()
    assert "r00/n01         ·   8   ·   ·" in [line.strip() for line in lines]


@pytest.mark.parametrize("tier", [0, 1])
def test_every_rank_is_counted_once(tier):
    """The map of any order holds all ranks, and as many of each stage as there are."""
    drawn = stage_map(two_racks(np.random.default_rng(3).permutation(32)), tier)
    counts = np.array([row.ranks for row in drawn.rows])
    assert counts.sum(axis=0).tolist() == [8, 8, 8, 8]


def test_many_columns_are_a_strip():
    """Sixteen stages are one character each, the tallest for the fullest."""
    text = text_of(map_view(stage_map(tall(16, 16, 8), 0)), 80)
    assert "n03    ···█············" in text
    assert "█ is 8 ranks" in text


def test_many_equal_domains_become_one_row():
    """More domains than fit are drawn by pattern, and named as a range."""
    drawn = stage_map(tall(100, 2, 400), 0)
    assert [len(row.domains) for row in drawn.rows] == [50, 50]
    assert "50: n[00-49]" in text_of(map_view(drawn), 80)


def test_rows_that_do_not_fit_are_counted():
    """A map that is cut says by how much."""
    order = np.random.default_rng(1).permutation(800)
    text = text_of(map_view(stage_map(tall(100, 8, 100, order), 0)), 80)
    assert "more nodes of other patterns" in text


def test_a_long_axis_is_binned():
    """A hundred replicas share columns, and none is lost."""
    drawn = stage_map(tall(13, 1, 100), 0)
    assert (drawn.axis, drawn.width) == ("dp", 3)
    assert sum(sum(row.ranks) for row in drawn.rows) == 100


def test_lines_fit_eighty_columns():
    """Nothing is wider than a terminal."""
    for placement in (two_racks(), tall(60, 48, 10)):
        assert max(len(line) for line in text_of(map_view(stage_map(placement, 0)), 80).splitlines()) <= 80
