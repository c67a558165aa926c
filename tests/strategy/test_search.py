"""The search, against looking at every strategy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.cost.step import Step
from planner.strategy.bounds import Bounds
from planner.strategy.outline import Level, Outline
from planner.strategy.search import Found, pareto, search
from planner.strategy.space import ORDERS, Question, sharings, strategies
from planner.topology.presets import preset
from planner.workload.job import Precision
from planner.workload.memory import memory
from planner.workload.model import Experts, Model
from planner.workload.payloads import families

MODEL = Model("m", layers=8, hidden=1024, ffn=4096, heads=8, kv_heads=4, head_dim=128, vocab=32000)
MOE = replace(MODEL, experts=Experts(count=8, top_k=2, ffn=1024))
OUTLINE = Outline(16, (Level("node", 8, 400e9),), 450e9, preset("h100"))
QUESTION = Question(MODEL, 32, 2048, Precision.BF16, gpus=16, domain=8)


def everything(question, outline):
    """Every strategy that fits, in its faster way and order, simulated."""
    found = []
    for strategy in strategies(question):
        steps = []
        for way in sharings(question):
            jobs = [question.job(strategy, order, way) for order in ORDERS[: 2 if strategy.pp > 1 else 1]]
            if max(stage.total for stage in memory(jobs[0])) <= outline.gpu.memory_bytes:
                steps += [
                    Step(job, outline.gpu, {f.name: outline.time(f, job.mesh) for f in families(job)})
                    for job in jobs
                ]
        if steps:
            time = min(steps, key=lambda step: step.least_s).time(quick=True)
            found.append(Found(time.step_s, 0.0, steps[0].job, time))
    return sorted(found)


@pytest.mark.parametrize("model", [MODEL, MOE], ids=["dense", "experts"])
def test_finds_the_fastest_of_all(model):
    """The first three are the first three of the whole space, though few were simulated."""
    question = replace(QUESTION, model=model, pinned=(("micro", "1"), ("cp", "1")))
    answer = search(question, OUTLINE, keep=3)
    expected = everything(question, OUTLINE)
    assert [each.step_s for each in answer.best] == pytest.approx([each.step_s for each in expected[:3]])
    assert answer.considered == len(list(strategies(question)))
    assert answer.simulated < answer.considered / 4


def test_bounds_hold():
    """No strategy is faster, or needs less memory, than its bounds say."""
    question = replace(QUESTION, model=MOE, pinned=(("micro", "2"),))
    bounds = Bounds(question, OUTLINE)
    for strategy in list(strategies(question))[::7]:
        for way in sharings(question):
            job = question.job(strategy, ORDERS[0], way)
            needed = max(stage.total for stage in memory(job))
            assert bounds.memory_bytes(strategy, way) <= needed * (1 + 1e-9)
        network = {each.name: OUTLINE.time(each, job.mesh) for each in families(job)}
        step = Step(job, OUTLINE.gpu, network).time(quick=True).step_s
        assert bounds.time_s(strategy) <= step * (1 + 1e-9), strategy


def test_nothing_fits():
    """No strategy where even the smallest share is too much."""
    tiny = replace(OUTLINE, gpu=replace(OUTLINE.gpu, memory_bytes=1e6))
    assert search(QUESTION, tiny).best == ()


def test_more_memory_is_never_slower():
    """The fastest with twice the memory."""
    small = replace(OUTLINE, gpu=replace(OUTLINE.gpu, memory_bytes=2e9))
    limited, free = search(QUESTION, small, keep=1), search(QUESTION, OUTLINE, keep=1)
    assert limited.best
    assert free.best[0].step_s <= limited.best[0].step_s


def test_front():
    """Only those that no other beats both ways."""
    made = [Found(*values, None, None) for values in ((1, 9), (2, 5), (3, 6), (4, 1))]
    assert [(each.step_s, each.memory_bytes) for each in pareto(made)] == [(1, 9), (2, 5), (4, 1)]
