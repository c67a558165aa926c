"""The best cut of layers into chunks, against trying all of them."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.cost import cut_wound
from planner.cost.cut import cut_layers
from planner.cost.loads import Cut, Loads
from planner.workload.job import Schedule
from planner.workload.stages import chunk_count, chunks_of_stage
from tests.workload.jobs import job

ENOUGH = float("inf")


def loads(kinds, held, layer_s, ends_s=(0.0, 0.0), **more):
    """Layers of these kinds on stages that hold these chunks; a layer of kind k needs k + 1 bytes."""
    kinds = np.array(kinds)
    before = np.zeros((len(kinds) + 1, kinds.max() + 1), np.int64)
    before[1:] = np.cumsum(np.eye(kinds.max() + 1, dtype=np.int64)[kinds], axis=0)
    chunks = max(max(each) for each in held) + 1
    extra = np.zeros(chunks)
    extra[0] += ends_s[0]
    extra[-1] += ends_s[1]

    def memory(stage, counts):
        # The largest kind counts once more, as what recomputation needs does.
        largest = max((kind + 1 for kind, number in enumerate(counts) if number), default=0)
        return sum((kind + 1) * number for kind, number in enumerate(counts)) + largest

    layer_s = np.broadcast_to(np.array(layer_s, float), (len(held), before.shape[1]))
    return Loads(held, before, layer_s, extra, memory, **more)


def cuts(given):
    """All cuts that keep the rules of sizes and of memory."""
    spans = [given.span(chunk) for chunk in range(given.chunks)]
    for sizes in product(*(range(least, min(most, given.layers) + 1) for least, most in spans)):
        if sum(sizes) == given.layers and given.stage_bytes(sizes).max() <= given.limit_bytes:
            yield sizes


def worth(given, sizes):
    """What makes one cut better than another, most important first."""
    stage_s = given.chunk_s(sizes).sum(axis=1)
    aims = [stage_s.max()]
    if given.sent_s is None:
        aims.append(given.chunk_s(sizes).max())
    else:
        aims.append(round_trip(given, sizes))
    return [*aims, sum(abs(a - b) for a, b in zip(sizes, given.even, strict=True))]


def round_trip(given, sizes):
    """The longest way from a stage to the last one and back, by the microbatches under way there."""
    passes = given.counts(sizes) @ given.layer_s.mean(axis=0) + given.extra_s
    stages = len(sizes)
    ways = [
        (passes[stage:].sum() + 2 * (stages - 1 - stage) * given.sent_s) / (stages - stage)
        for stage in range(stages)
    ]
    return max([given.chunk_s(sizes).max(), *ways])


def held_by(schedule, pp, vp=1):
    """Chunks of each stage under a schedule."""
    return tuple(map(tuple, chunks_of_stage(job(pp=pp, vp=vp, schedule=schedule))))


@st.composite
def problems(draw):
    """Few layers of up to three kinds on few stages, whole seconds, sometimes little memory and pins."""
    schedule, pp, vp = draw(
        st.sampled_from([
            ("1f1b", 1, 1), ("1f1b", 3, 1), ("1f1b", 4, 1), ("interleaved", 2, 2), ("zb-v", 2, 1),
            ("dualpipe", 4, 1),
        ])
    )  # fmt: skip
    held = held_by(schedule, pp, vp)
    chunks = chunk_count(Schedule(schedule), pp, vp)
    kinds = draw(st.lists(st.integers(0, 2), min_size=max(1, chunks - 2), max_size=8))
    kinds = [sorted({*kinds}).index(kind) for kind in kinds]
    times = st.lists(st.integers(1, 9), min_size=max(kinds) + 1, max_size=max(kinds) + 1)
    layer_s = draw(st.lists(times, min_size=len(held), max_size=len(held)))
    sent = draw(st.integers(0, 9)) if max(map(len, held)) == 1 and draw(st.booleans()) else None
    return loads(
        kinds,
        held,
        layer_s,
        draw(st.tuples(st.just(0), st.integers(0, 9))),
        limit_bytes=draw(st.sampled_from([ENOUGH, 6.0, 9.0, 14.0])),
        pinned={draw(st.integers(0, chunks - 1)): draw(st.integers(0, 3))} if draw(st.booleans()) else {},
        sent_s=sent,
    )


@given(problems())
@settings(max_examples=80, deadline=None)
def test_as_good_as_trying_all_cuts(given):
    """Slowest stage, slowest chunk or pace, and distance from the even cut are those of the best cut."""
    cut = cut_layers(given)
    found = cut.sizes
    assert cut.proven
    best = min((worth(given, sizes) for sizes in cuts(given)), default=None)
    if best is None:
        assert found is None
    else:
        assert found in set(cuts(given))
        assert worth(given, found) == pytest.approx(best, rel=1e-6)


LONG = [*[0] * 9, *[1] * 9]


@pytest.mark.parametrize("limit_bytes", [ENOUGH, 16.0], ids=["the even cut fits", "none is known"])
def test_what_the_work_did_not_reach_is_not_proven(limit_bytes, monkeypatch):
    """With no work left, the even cut is taken where it fits, and nothing is said to be proven."""
    monkeypatch.setattr(cut_wound, "MOST_WORK_S", 0.0)
    monkeypatch.setattr(cut_wound, "MOST_WORK_FOR_ANY_S", 0.0)
    given = loads(LONG, held_by("zb-v", 2), [[1.0, 3.0]] * 2, (0.0, 2.0), limit_bytes=limit_bytes)
    assert cut_layers(given) == Cut(given.even if limit_bytes == ENOUGH else None, proven=False)


def test_that_none_fits_is_proven():
    """Less memory than a stage must hold."""
    assert cut_layers(loads(LONG, held_by("zb-v", 2), [[1.0, 3.0]] * 2, limit_bytes=2.0)) == Cut(None)
