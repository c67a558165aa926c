"""Windows of stages packed again: never worse, still a cover, and better where the start is bad."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.solve.columns import relax
from planner.solve.control import Control
from planner.solve.master import CapacityClass
from planner.solve.residual import Piece, fill_in_line, pieces_bytes
from planner.solve.windows import LENGTHS, improve
from tests.solve.test_cover import holds
from tests.solve.vectors import ragged_classes, random_costs


def work(seed=0):
    """One worker, limited by work and not by the clock."""
    return Control(60.0, seed=seed, workers=1, deterministic=True)


def long_path(stages, replicas, payload=1.0, shared=0.0):
    """Bytes `payload` between neighbours, `shared` for each domain that a stage touches."""
    costs = random_costs(np.random.default_rng(0), stages, replicas, forms=())
    terms = (("touched", replicas, np.full(stages, shared)),)
    return replace(costs, v=np.full(stages - 1, payload), terms=terms, granule_bytes=1)


@pytest.mark.parametrize("ring", [False, True], ids=["path", "ring"])
def test_never_worse_and_still_a_cover(ring):
    """Random terms, ragged classes and random starts: cells placed once, rooms kept, no more bytes."""
    gained = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        stages, replicas = int(rng.integers(8, 14)), int(rng.integers(2, 6))
        costs = replace(random_costs(rng, stages, replicas, ring=ring, forms=("touched",)), granule_bytes=1)
        classes = ragged_classes(rng, stages * replicas + int(rng.integers(0, 6)), 6)
        start = scattered(rng, costs, classes)
        better = improve(costs, classes, start, -np.inf, work(seed), 2.0)
        holds(better, classes, np.full(stages, replicas, np.int32), every_domain=False)
        assert pieces_bytes(costs, better) <= pieces_bytes(costs, start)
        gained += pieces_bytes(costs, better) < pieces_bytes(costs, start)
    assert gained > 3


def scattered(rng, costs, classes):
    """Cells in line, with some cells of neighbouring stages changed for each other."""
    line = fill_in_line(costs, classes, np.full(costs.stages, costs.replicas, np.int32))
    kinds = [piece.kind for piece in line for _ in range(piece.count)]
    rows = np.repeat(np.stack([piece.widths for piece in line]), [piece.count for piece in line], axis=0)
    for stage in range(costs.stages - 1):
        one, other = rng.permutation(len(rows))[:2]
        if rows[one, stage] and rows[other, stage + 1]:
            rows[[one, other], stage] += np.asarray([-1, 1], np.int32)
            rows[[one, other], stage + 1] += np.asarray([1, -1], np.int32)
    return [Piece(kind, row, 1) for kind, row in zip(kinds, rows, strict=True)]


def single_stages(stages, replicas, room):
    """Every domain filled by one stage alone."""
    rows = np.kron(np.eye(stages, dtype=np.int32), np.full((replicas // room, 1), room, np.int32))
    return [Piece(0, row.astype(np.int32), 1) for row in rows]


def test_the_bound_is_reached_from_a_bad_start():
    """Sixteen stages by four on nodes of four, each filled by one stage: boxes of four by one are best."""
    costs = long_path(16, 4)
    classes, start = [CapacityClass(4, 16)], single_stages(16, 4, 4)
    bound = relax(costs, classes, np.full(16, 4, np.int32)).bound
    assert pieces_bytes(costs, start) == 0.0
    better = improve(costs, classes, start, bound, work(), 60.0)
    holds(better, classes, np.full(16, 4, np.int32), every_domain=False)
    assert pieces_bytes(costs, better) == pytest.approx(bound, abs=1e-6)
    assert bound == pytest.approx(-48.0, abs=1e-6)


def test_empty_domains_are_used():
    """Domains that hold nothing yet may take cells, and none is used twice."""
    costs = long_path(12, 2)
    # Eight of the domains are larger than those in use, and one of them spares a cut.
    classes = [CapacityClass(2, 12), CapacityClass(6, 8)]
    better = improve(costs, classes, single_stages(12, 2, 2), -np.inf, work(), 60.0)
    holds(better, classes, np.full(12, 2, np.int32), every_domain=False)
    assert any(piece.kind == 1 for piece in better)


def test_a_start_at_its_bound_stays():
    """Where the bound is met, or the run stopped, every domain keeps its vector."""
    costs, classes, start = long_path(16, 4), [CapacityClass(4, 16)], single_stages(16, 4, 4)
    same = [piece.widths.tolist() for piece in start]
    met = improve(costs, classes, start, 0.0, work(), 60.0)
    assert [piece.widths.tolist() for piece in met] == same
    stopped = work()
    stopped.stop.set()
    kept = improve(costs, classes, start, -np.inf, stopped, 60.0)
    assert [piece.widths.tolist() for piece in kept] == same


def test_pipelines_shorter_than_a_window_stay():
    """A window of all stages would be the whole model again, which has been tried."""
    costs = long_path(min(LENGTHS), 4)
    start = single_stages(min(LENGTHS), 4, 4)
    kept = improve(costs, [CapacityClass(4, 6)], start, -np.inf, work(), 60.0)
    assert pieces_bytes(costs, kept) == pieces_bytes(costs, start)


def test_windows_reach_over_the_seam():
    """On a ring, last and first stage are packed together where all other stages are at their best."""
    costs = replace(long_path(8, 2), v_wrap=8.0)
    rows = np.zeros((8, 8), np.int32)
    for domain in range(8):
        rows[domain, [domain // 2 * 2, domain // 2 * 2 + 1]] = 1
    start = [Piece(0, row, 1) for row in rows]
    classes = [CapacityClass(2, 8)]
    better = improve(costs, classes, start, -np.inf, work(), 60.0)
    holds(better, classes, np.full(8, 2, np.int32), every_domain=False)
    assert sum(piece.widths[0] and piece.widths[7] for piece in better) == 2
    assert pieces_bytes(costs, better) < pieces_bytes(costs, start)
