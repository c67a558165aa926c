"""Stages of strategies balanced where that makes their steps shorter.

A faster slowest stage does not always make a shorter step: with few microbatches the pipeline is filling and
emptying most of the time, in which other stages count as much.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.cost.cut_loads import balanced
from planner.cost.recut import recut
from planner.strategy.measure import step_of
from planner.strategy.search import Found, pareto
from planner.strategy.watch import UNWATCHED, Watch
from planner.workload.memory import memory

if TYPE_CHECKING:
    from planner.cost.step import Step
    from planner.strategy.outline import Outline
    from planner.strategy.search import Answer


def with_faster_cuts(answer: Answer, outline: Outline, watch: Watch = UNWATCHED) -> Answer:
    """What a search found with even stages, with balanced ones where those are faster."""
    each_once = list({id(each): each for each in (*answer.best, *answer.front)}.values())
    looked_at = watch.over("stages balanced", each_once, len(each_once))
    known = {id(each): _faster(each, outline) for each in looked_at}
    best, front = ([known[id(each)] for each in found] for found in (answer.best, answer.front))
    return replace(answer, best=tuple(sorted(best)), front=tuple(pareto(front)))


def _faster(found: Found, outline: Outline) -> Found:
    step = faster_cut(step_of(found.job, outline), outline.ground(found.job.mesh.world_size).gpu.memory_bytes)
    if step.job == found.job:
        return found
    time = step.time(quick=True)
    return Found(time.step_s, max(stage.total for stage in memory(step.job)), step.job, time)


def faster_cut(step: Step, limit_bytes: float | None) -> Step:
    """The step with balanced stages where that makes it shorter, else as it is."""
    if step.job.mesh.pp == 1:
        return step
    cut = balanced(step, limit_bytes)
    other = step if cut is None else recut(step, cut)
    return min(step, other, key=lambda each: each.time(quick=True).step_s)
