"""What layers take on stages, and the best cut of a job."""

from dataclasses import replace

import numpy as np
import pytest

from planner.cost.cut_loads import balanced, loads_of
from planner.cost.network import FamilyTime
from planner.cost.step import Step
from planner.topology.presets import preset
from planner.workload.job import DataParallel
from planner.workload.memory import memory
from planner.workload.model import Experts
from planner.workload.payloads import families
from tests.workload.jobs import job, small_model

SHAPE = {"hidden": 1024, "ffn": 4096, "heads": 8, "kv_heads": 8, "head_dim": 128, "vocab": 120_000}
EXPERTS = Experts(count=8, top_k=2, ffn=1024, dense_layers=3)


def step(*, layers=13, experts=EXPERTS, **options):
    """A step of a model with three dense layers and a large vocabulary; links move 100 GB/s."""
    model = small_model(layers=layers, experts=experts, **SHAPE)
    made = job(model, batch=(64, 1, 4096), tp=2, ep=2, dp=4, **options)
    return stepped(made)


def stepped(made):
    """A step of this job."""
    network = {
        family.name: FamilyTime({"scale_up": np.full(made.mesh.pp, 1e-11) * family.payload_bytes[0]}, 2)
        if len(family.payload_bytes) != made.mesh.pp
        else FamilyTime({"scale_up": 1e-11 * np.array(family.payload_bytes)}, 2)
        for family in families(made)
    }
    return Step(made, preset("h100"), network)


CASES = [
    {"pp": 4},
    {"pp": 4, "schedule": "zb-h1", "data_parallel": DataParallel.FSDP},
    {"pp": 2, "vp": 3, "schedule": "interleaved"},
    {"pp": 3, "schedule": "zb-v"},
    {"pp": 4, "schedule": "dualpipe"},
]


@pytest.mark.parametrize("case", CASES)
def test_a_cut_takes_what_its_own_step_takes(case):
    """Loads of the even cut say the seconds and bytes of the best cut as a step of that cut has them."""
    loads = loads_of(step(**case))
    best = balanced(step(**case))
    cut = stepped(replace(step(**case).job, cut=best))
    durations = cut.durations
    passes = durations.forward + durations.by_input + durations.by_weight
    assert loads.chunk_s(best) == pytest.approx(passes)
    assert loads.stage_bytes(best) == pytest.approx([stage.total for stage in memory(cut.job)])


@pytest.mark.parametrize("case", CASES)
def test_the_head_counts(case):
    """A head as long as several layers leaves the last stage fewer of them, so that the slowest is faster."""
    loads = loads_of(step(**case))
    best = balanced(step(**case))
    slowest = loads.chunk_s(best).sum(axis=1).max()
    assert sum(best) == 13
    assert slowest <= loads.chunk_s(loads.even).sum(axis=1).max()
    if case.get("schedule") not in ("dualpipe", "zb-v"):
        assert best[-1] < loads.even[-1]
        assert slowest < loads.chunk_s(loads.even).sum(axis=1).max()


def test_little_memory():
    """The first stage of 1F1B keeps most; with less memory than the best cut needs it holds fewer layers."""
    free = step(pp=4, experts=None, layers=26)
    needed = loads_of(free).stage_bytes(balanced(free)).max()
    tight = balanced(free, 0.97 * needed)
    assert loads_of(free).stage_bytes(tight).max() <= 0.97 * needed
    assert tight != balanced(free)


def test_nothing_fits():
    """There is no cut for a GPU without memory."""
    assert balanced(step(pp=4), 1e3) is None


def test_pinned_chunks_stay():
    """What is given stays, the rest is as good as can be."""
    best = balanced(step(pp=4), pinned={0: 1, 3: 4})
    assert (best[0], best[3], sum(best)) == (1, 4, 13)


def test_round_trips_count_where_few_are_under_way():
    """1F1B and ZB-H1 limit what is under way, other schedules do not."""
    assert loads_of(step(pp=4)).sent_s == step(pp=4).sent_s > 0
    assert loads_of(step(pp=4, schedule="zb-h1")).sent_s == step(pp=4).sent_s
    assert loads_of(step(pp=4, schedule="gpipe")).sent_s is None
