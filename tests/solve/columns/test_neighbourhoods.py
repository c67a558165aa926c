"""Groups of domains packed again: never worse, still a cover, and better where the start is bad."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.solve.columns.master import CapacityClass
from planner.solve.columns.neighbourhoods import Neighbourhoods
from planner.solve.columns.packing import Packing
from planner.solve.columns.residual import Piece, fill_in_line, pieces_bytes
from planner.solve.setup.control import Control
from tests.solve.hierarchy.test_cover import holds
from tests.solve.vectors import ragged_classes, random_costs


def work(seed=0):
    """One worker, limited by work and not by the clock."""
    return Control(60.0, seed=seed, workers=1, deterministic=True)


def around(costs, classes, start, bound=None, control=None):
    """The pieces after groups of domains were packed again, by the worths of the relaxation."""
    coverage = np.full(costs.stages, costs.replicas, np.int32)
    packing = Packing(costs, classes, coverage, start, control or work())
    groups = Neighbourhoods(costs, classes, start, packing.worth, packing.excess)
    groups.improve(packing.bound if bound is None else bound, control or work(), 60.0)
    return groups.pieces()


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
        better = around(costs, classes, start, control=work(seed))
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
    assert pieces_bytes(costs, start) == 0.0
    better = around(costs, classes, start)
    holds(better, classes, np.full(16, 4, np.int32), every_domain=False)
    assert pieces_bytes(costs, better) == pytest.approx(-48.0, abs=1e-6)


def test_empty_domains_are_used():
    """Domains that hold nothing yet may take cells, and none is used twice."""
    costs = long_path(12, 2)
    # Eight of the domains are larger than those in use, and one of them spares a cut.
    classes = [CapacityClass(2, 12), CapacityClass(6, 8)]
    better = around(costs, classes, single_stages(12, 2, 2))
    holds(better, classes, np.full(12, 2, np.int32), every_domain=False)
    assert any(piece.kind == 1 for piece in better)


def test_a_start_at_its_bound_stays():
    """Where the bound is met, or the run stopped, every domain keeps its vector."""
    costs, classes, start = long_path(16, 4), [CapacityClass(4, 16)], single_stages(16, 4, 4)
    same = sorted(piece.widths.tolist() for piece in start)
    assert sorted(piece.widths.tolist() for piece in around(costs, classes, start, bound=0.0)) == same
    stopped = work()
    stopped.stop.set()
    kept = around(costs, classes, start, control=stopped)
    assert sorted(piece.widths.tolist() for piece in kept) == same


def test_excesses_add_up_to_the_gap():
    """Where rows of the relaxation are equalities, what domains cost too much is all there is to gain."""
    costs, classes, start = long_path(16, 4), [CapacityClass(4, 16)], single_stages(16, 4, 4)
    packing = Packing(costs, classes, np.full(16, 4, np.int32), start, work())
    groups = Neighbourhoods(costs, classes, start, packing.worth, packing.excess)
    assert groups.excesses().sum() == pytest.approx(packing.value - packing.excess.bound)


def test_groups_share_no_domain_and_lie_together():
    """Groups are disjoint; each holds domains of neighbouring stages, round the seam on a ring."""
    costs = replace(long_path(24, 4), v_wrap=1.0)
    classes, start = [CapacityClass(4, 24)], single_stages(24, 4, 4)
    packing = Packing(costs, classes, np.full(24, 4, np.int32), start, work())
    groups = Neighbourhoods(costs, classes, start, packing.worth, packing.excess)
    one, other = groups.draw(6, 2, np.random.default_rng(0))
    assert len(one) == len(other) == 6
    assert not set(one.tolist()) & set(other.tolist())
    for each in (one, other):
        stages = groups.trial(each, 1.0).stages
        assert len(stages) < 16
        assert ((np.diff(stages) % 24) == 1).all()


def test_groups_reach_over_the_seam():
    """On a ring, last and first stage are packed together where all other stages are at their best."""
    costs = replace(long_path(8, 2), v_wrap=8.0)
    rows = np.zeros((8, 8), np.int32)
    for domain in range(8):
        rows[domain, [domain // 2 * 2, domain // 2 * 2 + 1]] = 1
    start = [Piece(0, row, 1) for row in rows]
    classes = [CapacityClass(2, 8)]
    better = around(costs, classes, start)
    holds(better, classes, np.full(8, 2, np.int32), every_domain=False)
    assert sum(piece.widths[0] and piece.widths[7] for piece in better) == 2
    assert pieces_bytes(costs, better) < pieces_bytes(costs, start)
