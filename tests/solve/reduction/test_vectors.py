"""Lists of width vectors written as words."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from planner.solve.reduction.vectors import TooManyError, Vectors, Words, all_vectors


@pytest.mark.parametrize(("stages", "widest"), [(1, 1), (3, 4), (8, 8), (21, 3), (16, 4), (3, 21)])
def test_words_hold_vectors_and_their_sums(stages, widest):
    """Vectors come back from their words, and sums beyond the widest are told apart."""
    rng = np.random.default_rng(stages)
    form = Words(stages, widest)
    assert form.fit
    one, other = rng.integers(0, widest + 1, (2, 50, stages)).astype(np.int32)
    assert np.array_equal(form.widths(form.of(one)), one)
    total = form.of(one) + form.of(other)
    inside = (one + other <= widest).all(axis=1)
    assert np.array_equal(form.within(total), inside)
    assert np.array_equal(form.widths(total)[inside], (one + other)[inside])


def test_long_vectors_do_not_fit():
    """More bits than a word has are refused."""
    assert not Words(33, 1).fit
    assert Words(32, 1).fit


def test_all_vectors():
    """Every vector within room and width is listed once."""
    found = {tuple(row) for row in all_vectors(3, 2, 4).tolist()}
    assert found == {row for row in product(range(3), repeat=3) if sum(row) <= 4}
    assert len(all_vectors(3, 2, 4)) == len(found)


def listed(form, rows, cost, excess):
    """A list of vectors with costs and excesses."""
    return Vectors.cheapest(form.of(np.asarray(rows, np.int32)), np.asarray(cost), np.asarray(excess))


def test_sums_of_two_lists():
    """Sums keep to the width and the budget, and each stands once at its least cost."""
    form = Words(2, 2)
    one = listed(form, [[0, 0], [1, 0], [2, 1]], [0.0, 4.0, 1.0], [0.0, 1.0, 3.0])
    other = listed(form, [[1, 0], [0, 0], [1, 1]], [2.0, 0.0, 7.0], [1.0, 0.0, 0.0])
    total = one.plus(other, form, 3.0)
    found = {
        tuple(row): cost for row, cost in zip(form.widths(total.words).tolist(), total.cost, strict=True)
    }
    assert found == {(0, 0): 0.0, (1, 0): 2.0, (2, 0): 6.0, (1, 1): 7.0, (2, 1): 1.0}
    for word, cost in zip(total.words, total.cost, strict=True):
        mine, theirs = one.part_of(word, cost, other, form)
        assert one.words[mine] + other.words[theirs] == word
        assert one.cost[mine] + other.cost[theirs] == cost


def test_too_many_pairs(monkeypatch):
    """Lists whose sums are too many to look at are refused."""
    monkeypatch.setattr("planner.solve.reduction.vectors.MOST_PAIRS", 3)
    form = Words(2, 2)
    one = listed(form, [[0, 0], [1, 0]], [0.0, 0.0], [0.0, 0.0])
    with pytest.raises(TooManyError):
        one.plus(one, form, 0.0)


def test_budget_of_a_list():
    """Vectors above the budget are left out."""
    form = Words(1, 3)
    some = listed(form, [[0], [1], [2]], [0.0, 1.0, 2.0], [0.0, 2.0, 1.0])
    assert form.widths(some.within(1.0).words).tolist() == [[0], [2]]
