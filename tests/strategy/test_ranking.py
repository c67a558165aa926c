"""The best few on the cluster itself."""

from __future__ import annotations

import threading
from dataclasses import replace

from planner.strategy.outline import Outline
from planner.strategy.ranking import ranked
from planner.strategy.search import search
from planner.strategy.space import Question
from planner.workload.architecture import load_model
from planner.workload.job import Precision
from tests.cost.jobs import placed

CLUSTER = placed().cluster
QUESTION = Question(
    load_model("llama-3.1-8b"), 32, 4096, Precision.BF16, 16, 8, (("micro", "1"), ("cp", "1"), ("pp", "2"))
)
BEST = search(QUESTION, Outline.of(CLUSTER), keep=4).best


def rank(best, count, *, keep=None, stop=None):
    """A ranking in which placements are made quickly."""
    return ranked(
        CLUSTER,
        best,
        "llama-3.1-8b",
        keep=keep or {},
        count=count,
        time_limit_s=0.5,
        stop=stop or threading.Event(),
    )


def test_placed_come_first_by_their_step():
    """Even where another order was predicted; the rest follow as predicted."""
    found = rank((BEST[1], BEST[0], *BEST[2:]), 2)
    assert [each.placed is not None for each in found] == [True, True, False, False]
    assert found[0].step_s <= found[1].step_s
    assert {found[0].found, found[1].found} == {BEST[0], BEST[1]}
    assert [each.found for each in found[2:]] == list(BEST[2:])


def test_what_cannot_be_placed_comes_last():
    """Sixteen replicas are in no node of eight: with the reason, and the next is placed in their stead."""
    free = replace(QUESTION, pinned=(("micro", "1"), ("cp", "1"), ("tp", "1")))
    best = search(free, Outline.of(CLUSTER), keep=12).best
    wide = next(each for each in best if each.job.mesh.dp == 16)
    narrow = next(each for each in best if each.job.mesh.dp == 8)
    found = rank((wide, narrow), 1, keep={"dp": "node"})
    assert [each.found for each in found] == [narrow, wide]
    assert found[0].placed
    assert "dp" in found[1].why_not
    assert found[1].placed is None


def test_stopped():
    """Nothing is placed any more, and all are there as predicted."""
    stop = threading.Event()
    stop.set()
    assert [each.found for each in rank(BEST, 3, stop=stop)] == list(BEST)
