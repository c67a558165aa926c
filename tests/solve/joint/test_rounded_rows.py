"""Rounded rows: a column enters those of its groups, with the sign of its side."""

from __future__ import annotations

import numpy as np
import pytest

from planner.solve.columns.master import Rounding
from planner.solve.joint.fold import Fold
from planner.solve.joint.pools import WHOLE_JOB, Pool
from planner.solve.joint.rounded_rows import ALL, RoundedRows, Start, broken_rows


def test_a_vector_enters_rows_of_its_groups():
    """Inside it counts what its width rounds up to, outside the same with a minus, elsewhere nothing."""
    rows = RoundedRows(Fold.apart(2))
    half, third = Rounding(0, 1, 2), Rounding(1, 2, 3)
    for index, (group, rounding) in enumerate([(1, half), (2, half), (1, third), (3, third)]):
        rows.append(group, rounding, 10 + index)
    entered, entries = rows.of(Pool(0, 1, 2, (8,), (1,)), np.asarray([3, 4], np.int32))
    assert dict(zip(entered.tolist(), entries.tolist(), strict=True)) == {10: 2.0, 11: -2.0, 12: 3.0}


def test_rows_of_several_stages_count_all_of_them():
    """A row of a class of stages has the sum of what the widths of its stages round up to."""
    rows = RoundedRows(Fold(np.asarray([0, 1, 0], np.int32)))
    rows.append(1, Rounding(0, 1, 2), 10)
    rows.append(1, Rounding(1, 1, 2), 11)
    entered, entries = rows.of(Pool(0, 1, None, (8,), (1,)), np.asarray([3, 1, 2], np.int32))
    assert dict(zip(entered.tolist(), entries.tolist(), strict=True)) == {10: 3.0, 11: 1.0}


def test_the_innermost_lie_outside_of_nothing():
    """A vector of the innermost level only enters rows around it, and none where its width is 0."""
    rows = RoundedRows(Fold.apart(1))
    rows.append(1, Rounding(0, 1, 2), 0)
    assert rows.of(Pool(0, 1, None, (8,), (1,)), np.asarray([0], np.int32))[0].size == 0
    entered, entries = rows.of(Pool(0, 1, None, (8,), (1,)), np.asarray([1], np.int32))
    assert (entered.tolist(), entries.tolist()) == ([0], [1.0])


def test_apart_rows_hold_at_all_tiers_outside():
    """A row of an inner tier is needed at each tier around it, and worths add up outwards."""
    row = Rounding(0, 1, 2)
    one = Start(((0, np.ones(1, np.int32)),), ((0, row),), (np.full((1, 2), 2.0),), (1.0,))
    other = Start((), (), (np.full((1, 2), 3.0),), (1.0,))
    both = Start.apart([one, other])
    assert both.rows == ((0, row), (1, row))
    assert [table[0, 0] for table in both.worth] == [2.0, 5.0]
    assert [level for level, _ in both.vectors] == [0]


def test_apart_without_duals_there_are_none():
    """Where one tier has no duals, the tiers together begin without."""
    assert Start.apart([Start(), Start()]).worth == ()


def test_rows_of_coarse_classes_stand_for_those_of_finer_ones():
    """Passed on to finer classes of stages a row of a class is one for each part of it."""
    coarse, fine = Fold(np.asarray([0, 1, 1, 0], np.int32)), Fold(np.asarray([0, 1, 2, 0], np.int32))
    start = Start(rows=((0, Rounding(0, 1, 2)), (1, Rounding(1, 1, 3))), fold=coarse)
    assert [(level, row.stage) for level, row in start.rows_of(fine)] == [(0, 0), (1, 1), (1, 2)]


def test_rows_about_all_cells_count_them_together():
    """They are the same for every class of stages, and are passed on as they are."""
    fold, row = Fold(np.asarray([0, 1, 0], np.int32)), Rounding(ALL, 1, 4)
    rows = RoundedRows(fold)
    rows.append(1, row, 10)
    rows.append(2, Rounding(0, 1, 2), 11)
    widths = np.asarray([3, 1, 2], np.int32)
    entered, entries = rows.of(Pool(0, 1, 2, (8,), (1,)), widths)
    assert dict(zip(entered.tolist(), entries.tolist(), strict=True)) == {10: 2.0, 11: -3.0}
    assert rows.parts(row, np.stack([widths, 2 * widths])).tolist() == [2, 3]
    assert rows.least(row, 7) == 6
    assert list(Start(rows=((1, row),), fold=fold).rows_of(Fold.apart(3))) == [(1, row)]


def test_sizes_of_tiers_apart_add_up_outwards():
    """What numbers of cells are worth to a tier counts for all tiers outside, and goes with the weight."""
    row, other = Rounding(ALL, 1, 4), Rounding(ALL, 1, 8)
    first, second = ({row: 2.0}, {row: 1.0, other: 5.0})
    starts = [Start(worth=(np.zeros((1, 2)),), sizes=(each,)).weighted(2.0) for each in (first, {}, second)]
    assert Start.apart(starts).sizes == ({row: 4.0}, {row: 4.0}, {row: 6.0, other: 10.0})


@pytest.mark.parametrize("seed", range(20))
def test_no_whole_placement_breaks_a_row(seed):
    """Domains that hold what those around them hold, or the job, break none of any kind."""
    rng = np.random.default_rng(seed)
    inside = rng.integers(0, 4, (6, 3)).astype(np.int32)
    outside = inside.reshape(3, 2, 3).sum(axis=1)
    amounts = np.repeat([1.0, -1.0], [6, 3])
    fold = Fold(np.asarray([0, 1, 0], np.int32))
    widths = np.concatenate((inside, outside))
    assert list(broken_rows(1, widths, amounts, fold, 12, [12, 24])) == []
    replicas = 9
    dealt = rng.multinomial(replicas, np.full(5, 0.2), 3).T.astype(np.int32)
    assert list(broken_rows(WHOLE_JOB, dealt, np.ones(5), fold, replicas, [7])) == []


@pytest.mark.parametrize("rooms", [[4], None])
def test_parts_of_domains_break_rows_about_all_cells(rooms):
    """Three cells in three quarters of a domain of four; not looked for where no such row may be added."""
    widths = np.asarray([[4, 0], [0, 4], [2, 1]], np.int32)
    broken = list(broken_rows(1, widths, np.asarray([0.5, 0.25, -1.0]), Fold.apart(2), 4, rooms))
    about_all = {row: missing for missing, (_, row) in broken if row.stage == ALL}
    assert about_all.get(Rounding(ALL, 1, 4)) == (0.25 if rooms else None)
    assert bool(about_all) is bool(rooms)
