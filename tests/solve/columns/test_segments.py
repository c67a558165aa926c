"""Segments against every width vector of small domains, and what the excess of a packing is worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.solve.columns.columns import relax
from planner.solve.columns.master import CapacityClass
from planner.solve.columns.packing import split
from planner.solve.columns.pricing import price
from planner.solve.columns.segments import Excess, Segments, nearest_segments
from tests.solve.vectors import every_vector, is_segment, ragged_classes, random_costs

EDGE = 1e-7


def drawn(seed, *, ring, rounding=False):
    """Random terms, the worth of every width, and the excess over the bound that this worth implies."""
    rng = np.random.default_rng(seed)
    stages, replicas = int(rng.integers(3 if ring else 1, 6)), int(rng.integers(1, 5))
    costs = random_costs(rng, stages, replicas, ring=ring)
    classes = ragged_classes(rng, stages * replicas, 7)
    relaxation = relax(costs, classes, np.full(stages, replicas, np.int32), rounding=rounding)
    return costs, classes, relaxation, excess_of(costs, classes, relaxation)


def excess_of(costs, classes, relaxation):
    """The excess over the bound of the relaxation's worth."""
    worth = relaxation.worth
    table = costs.holding(worth.shape[1] - 1) - worth
    paid = price(costs, np.zeros(costs.stages), max(k.capacity for k in classes), table).best
    return Excess.of(paid, classes, relaxation.covered)


def enumerated(costs, worth, excess, *, ring):
    """Every segment that fits the largest room, and its reduced cost less the least for its size."""
    room = len(excess.paid) - 1
    vectors = every_vector(costs.stages, worth.shape[1] - 1, room)
    vectors = vectors[[is_segment(row, ring=ring) for row in vectors]]
    earned = worth[np.arange(costs.stages), vectors].sum(axis=1)
    return vectors, costs.domain_bytes(vectors) - earned - excess.paid[vectors.sum(axis=1)]


def rows_of(vectors):
    """The vectors as a sorted list."""
    return sorted(map(tuple, np.asarray(vectors).tolist()))


@pytest.mark.parametrize("ring", [False, True], ids=["path", "ring"])
@pytest.mark.parametrize("first", range(0, 60, 20))
def test_all_segments_within_a_budget_are_found(first, ring):
    """Exactly those that enumeration finds: over the ring's seam, and all the way round it."""
    for seed in range(first, first + 20):
        costs, _, relaxation, excess = drawn(seed, ring=ring, rounding=bool(seed % 2))
        vectors, above = enumerated(costs, relaxation.worth, excess, ring=ring)
        for budget in np.quantile(above, [0.0, 0.1, 0.4, 1.0]) + EDGE:
            found, complete = nearest_segments(costs, relaxation.worth, excess, float(budget), 10**6)
            assert complete
            assert rows_of(found.widths) == rows_of(vectors[above <= budget])


@pytest.mark.parametrize("ring", [False, True], ids=["path", "ring"])
def test_nothing_depends_on_where_worth_comes_from(ring):
    """Worths far from the relaxation's: every segment within the budget is found all the same."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        stages, replicas, room = int(rng.integers(3, 5)), int(rng.integers(1, 5)), int(rng.integers(2, 8))
        costs = random_costs(rng, stages, replicas, ring=ring)
        worth = np.cumsum(rng.normal(2.0, 6.0, (stages, min(room, replicas) + 1)), axis=1)
        worth -= worth[:, :1]
        paid = price(costs, np.zeros(stages), room, costs.holding(worth.shape[1] - 1) - worth).best
        excess = Excess.of(paid, [CapacityClass(room, 3)], 0.0)
        vectors, above = enumerated(costs, worth, excess, ring=ring)
        budget = float(np.quantile(above, 0.3)) + EDGE
        found, _ = nearest_segments(costs, worth, excess, budget, 10**6)
        assert rows_of(found.widths) == rows_of(vectors[above <= budget])


def test_segments_over_the_seam_and_round_the_ring():
    """On a ring of four with dear seam, a segment of the last and first stage and a full circle are found."""
    rng = np.random.default_rng(0)
    costs = random_costs(rng, 4, 2, ring=True, forms=("touched",))
    excess = Excess.of(np.zeros(9), [CapacityClass(8, 1)], 0.0)
    found = rows_of(nearest_segments(costs, np.zeros((4, 3)), excess, 1e9, 10**6)[0].widths)
    assert (2, 0, 0, 1) in found
    assert (2, 1, 2, 2) in found
    assert (1, 0, 1, 0) not in found
    assert len(found) == len(set(found))


@pytest.mark.parametrize("ring", [False, True], ids=["path", "ring"])
def test_with_too_many_segments_some_are_left_out(ring):
    """With one segment more than asked for not all are there; with as many as asked for all are."""
    for seed in range(10):
        costs, _, relaxation, excess = drawn(seed, ring=ring)
        _, above = enumerated(costs, relaxation.worth, excess, ring=ring)
        for most, whole in ((len(above) - 1, False), (len(above), True)):
            found, complete = nearest_segments(costs, relaxation.worth, excess, 1e9, most)
            assert (len(found.widths), complete) == (most, whole)


@pytest.mark.parametrize("ring", [False, True], ids=["path", "ring"])
def test_those_left_out_are_the_farthest(ring):
    """Of a path the nearest are kept; of a ring, segments that are not much farther."""
    for seed in range(20):
        costs, _, relaxation, excess = drawn(seed, ring=ring)
        vectors, above = enumerated(costs, relaxation.worth, excess, ring=ring)
        by_row = dict(zip(map(tuple, vectors.tolist()), above, strict=True))
        for most in (1, len(above) // 4 + 1, len(above) // 2 + 1):
            found, _ = nearest_segments(costs, relaxation.worth, excess, 1e9, most)
            kept = np.asarray([by_row[tuple(row)] for row in found.widths.tolist()])
            margin = costs.v_wrap * relaxation.worth.shape[1]
            assert len(kept) <= most
            assert (kept <= np.sort(above)[: len(kept)] + margin + EDGE).all()
            if not ring:
                assert kept == pytest.approx(np.sort(above)[:most], abs=EDGE)


@pytest.mark.parametrize("ring", [False, True], ids=["path", "ring"])
def test_nearest_come_first(ring):
    """Segments stand in the order of their reduced cost above the least for their size."""
    for seed in range(20):
        costs, _, relaxation, excess = drawn(seed, ring=ring)
        vectors, above = enumerated(costs, relaxation.worth, excess, ring=ring)
        by_row = dict(zip(map(tuple, vectors.tolist()), above, strict=True))
        found, _ = nearest_segments(costs, relaxation.worth, excess, 1e9, 10**6)
        order = np.asarray([by_row[tuple(row)] for row in found.widths.tolist()])
        assert (np.diff(order) >= -EDGE).all()
        assert (found.cells == found.widths.sum(axis=1)).all()
        assert found.bytes_each == pytest.approx(costs.domain_bytes(found.widths))


def test_the_first_and_others():
    """The first few, with segments that may be among them or not, each once."""
    costs = random_costs(np.random.default_rng(1), 3, 2)
    rows = np.asarray([[1, 0, 0], [0, 1, 1], [0, 0, 2]], np.int32)
    some = Segments.of(costs, rows).first(2, costs, rows[1:])
    assert rows_of(some.widths) == rows_of(rows)
    assert rows_of(Segments.of(costs, rows).first(1, costs, rows[:1]).widths) == [(1, 0, 0)]


@pytest.mark.parametrize("rounding", [False, True], ids=["plain", "rounded"])
@pytest.mark.parametrize("ring", [False, True], ids=["path", "ring"])
def test_no_packing_is_below_the_bound(ring, rounding):
    """The bound is no better than the relaxation's, and what a packing pays beyond it is never negative."""
    for seed in range(30):
        _, classes, relaxation, excess = drawn(seed, ring=ring, rounding=rounding)
        assert excess.bound <= relaxation.bound + EDGE
        for sizes in packings(len(excess.paid) - 1):
            assert excess.packed[sum(sizes)] <= excess.paid[list(sizes)].sum() + EDGE
            for k in classes:
                if sum(sizes) <= k.capacity:
                    assert paid_beyond(excess, classes, sizes) >= -EDGE


def packings(room):
    """Every way to split at most `room` cells into sizes, in every order."""

    def onwards(free):
        yield ()
        for size in range(1, free + 1):
            for rest in onwards(free - size):
                yield size, *rest

    return list(onwards(room))


def paid_beyond(excess, classes, sizes):
    """What a domain filled by segments of these sizes pays beyond the best filling of its room."""
    room = min(k.capacity for k in classes if k.capacity >= sum(sizes))
    best = min(0.0, float(excess.packed[: room + 1].min()))
    return float(excess.paid[list(sizes)].sum()) - best


@pytest.mark.parametrize("ring", [False, True], ids=["path", "ring"])
def test_steps_of_all_packings_within_a_budget(ring):
    """A step is there if, and only if, some packing within the budget takes it."""
    for seed in range(30):
        _, classes, _, excess = drawn(seed, ring=ring)
        ways = [sizes for sizes in packings(len(excess.paid) - 1) if sizes]
        beyond = np.asarray([paid_beyond(excess, classes, sizes) for sizes in ways])
        finite = np.isfinite(beyond)
        for budget in np.quantile(beyond[finite], [0.0, 0.2, 0.7]) + EDGE:
            wanted = set()
            for sizes, pays in zip(ways, beyond, strict=True):
                if pays <= budget:
                    wanted |= {(sum(sizes[:i]), cells) for i, cells in enumerate(sizes)}
            steps = excess.steps(float(budget))
            assert set(zip(steps.held.tolist(), steps.cells.tolist(), strict=True)) == wanted


@pytest.mark.parametrize("ring", [False, True], ids=["path", "ring"])
def test_the_bound_and_the_excess_add_up(ring):
    """Sum of f of any choice of segments = bound + their reduced costs' and the packings' excess."""
    for seed in range(20):
        costs, classes, relaxation, excess = drawn(seed, ring=ring)
        rng = np.random.default_rng(seed)
        rows, rooms = _filled(rng, classes, costs)
        parts = [split(row, ring=ring) for row in rows]
        worth = relaxation.worth
        beyond = 0.0
        for segments, room in zip(parts, rooms, strict=True):
            for each in segments:
                reduced = costs.domain_bytes(each[None])[0] - worth[np.arange(costs.stages), each].sum()
                beyond += reduced - excess.paid[each.sum()]
            best = float(excess.packed[: room + 1].min())
            beyond += float(excess.paid[[int(each.sum()) for each in segments]].sum()) - best
        assert costs.domain_bytes(rows).sum() == pytest.approx(excess.bound + beyond, abs=1e-6)


def _filled(rng, classes, costs):
    """A random cover: width vectors of all domains, and their rooms."""
    rooms = np.repeat([k.capacity for k in classes], [k.count for k in classes])
    places = rng.permutation(np.repeat(np.arange(len(rooms)), rooms))[: costs.stages * costs.replicas]
    rows = np.zeros((len(rooms), costs.stages), np.int32)
    np.add.at(rows, (places, np.repeat(np.arange(costs.stages), costs.replicas)), 1)
    return rows, rooms.tolist()


@st.composite
def two_vectors(draw):
    """Terms of f in every form, on a path or a ring, and two width vectors."""
    seed = draw(st.integers(0, 2**32 - 1))
    stages, ring = draw(st.integers(2, 7)), draw(st.booleans())
    costs = random_costs(np.random.default_rng(seed), stages, draw(st.integers(1, 12)), ring=ring)
    widths = st.lists(st.integers(0, 15), min_size=stages, max_size=stages)
    return costs, np.asarray(draw(widths), np.int32), np.asarray(draw(widths), np.int32)


@given(two_vectors())
def test_a_vector_costs_what_its_segments_cost(drawn_case):
    """f of a width vector is the sum of f of the segments it falls into."""
    costs, widths, _ = drawn_case
    parts = split(widths, ring=costs.v_wrap > 0)
    apart = sum(float(costs.domain_bytes(part[None])[0]) for part in parts)
    assert float(costs.domain_bytes(widths[None])[0]) == pytest.approx(apart, abs=1e-9)


@given(two_vectors())
def test_merging_never_costs_more(drawn_case):
    """Two vectors in one domain cost at most what they cost in two, for every form of h."""
    costs, one, other = drawn_case
    apart = costs.domain_bytes(np.stack([one, other])).sum()
    assert costs.domain_bytes((one + other)[None])[0] <= apart + 1e-9


@pytest.mark.parametrize("form", ["touched", "partial", "pairs"])
@given(cells=st.integers(1, 40), one=st.integers(0, 120), other=st.integers(0, 120))
def test_every_form_of_holding_is_subadditive(form, cells, one, other):
    """Each form of h on its own: h(a + b) is at most h(a) + h(b)."""
    costs = random_costs(np.random.default_rng(0), 1, 1, forms=())
    object.__setattr__(costs, "terms", ((form, cells, np.ones(1)),))
    table = costs.holding(240)[0]
    assert table[one + other] <= table[one] + table[other]
