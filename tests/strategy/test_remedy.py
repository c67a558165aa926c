"""The smallest change that makes a job fit."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from planner.strategy.defaults import Default, deepspeed, fullest, maxtext, megatron
from planner.strategy.outline import Level, Outline
from planner.strategy.remedy import remedy
from planner.topology.presets import preset
from planner.workload.architecture import load_model
from planner.workload.job import DataParallel, Recompute
from tests.workload.jobs import job

OUTLINE = Outline(64, (Level("node", 8, 400e9),), 450e9, preset("h100"))


def asked(model="llama-3.1-70b", samples=64):
    """A job of 64 GPUs."""
    return job(load_model(model), batch=(samples, 1, 4096), tp=8, dp=8)


@pytest.mark.parametrize("limit", [80e9, 40e9, 30e9])
def test_it_fits_and_one_change_less_does_not(limit):
    """Of Megatron's default, which shares nothing."""
    default = megatron(asked(), 8, 0)
    found = remedy(default, OUTLINE, limit)
    assert fullest(found.job) <= limit
    fewer = [remedy(replace(default, turns=tuple(some)), OUTLINE, limit) for some in _without_one(found)]
    assert all(each is None or len(each.changes) >= len(found.changes) for each in fewer)


def _without_one(found):
    """The settings that were changed, one of them left out each time."""
    names = [change.rpartition(" ")[0].replace(" ", "_") or change for change in found.changes]
    return [[name for name in names if name != left_out] for left_out in names]


def test_less_memory_needs_no_fewer_changes():
    """The tighter it is, the more must change; with none at all nothing helps."""
    default = megatron(asked(), 8, 0)
    counts = [len(remedy(default, OUTLINE, limit).changes) for limit in (120e9, 60e9, 30e9)]
    assert all(some <= more for some, more in pairwise(counts))
    assert remedy(default, OUTLINE, 1e8) is None


def test_samples_and_gpus_stay():
    """The changed job trains on no fewer samples, on as many GPUs as the change divides."""
    default = maxtext(asked(samples=256), OUTLINE)
    found = remedy(default, OUTLINE, 0.9 * fullest(default.job))
    assert found.job.global_batch >= 256
    assert found.job.mesh.world_size == 64


def test_names_what_was_changed():
    """A word that is on or a value, in plain words."""
    default = deepspeed(asked("llama-3.1-8b"), OUTLINE, 1e15)
    only = Default(default.name, default.job, default.order, ("recompute",))
    found = remedy(only, OUTLINE, 0.9 * fullest(default.job))
    assert found.changes == ("recompute selective",)
    assert found.job.recompute is Recompute.SELECTIVE
    split = replace(default.job, sequence_parallel=False, data_parallel=DataParallel.DDP)
    sharing = Default(default.name, split, default.order, ("data_parallel",))
    assert remedy(sharing, OUTLINE, 0.9 * fullest(split)).changes == ("data parallel distributed optimizer",)
