"""A strategy on the real cluster."""

from __future__ import annotations

import numpy as np
import pytest

from planner.placement.check import check
from planner.strategy.outline import Outline
from planner.strategy.place import description, place
from planner.strategy.search import search
from planner.strategy.space import ORDERS, Question, Strategy
from planner.topology.load import load_topology
from planner.workload.architecture import load_model
from planner.workload.job import DataParallel, Precision, Recompute, Schedule
from planner.workload.load import build_workload, job_of
from tests.builders import ragged_cluster
from tests.cost.jobs import placed
from tests.strategy.questions import with_models


def found():
    """The best strategy for a small model on sixteen GPUs, and the cluster."""
    cluster = placed().cluster
    model = load_model("llama-3.1-8b")
    question = Question(model, 32, 4096, Precision.BF16, 16, 8, (("tp", "2"), ("pp", "2")))
    return cluster, search(question, Outline.of(cluster), keep=1).best[0]


def test_workload_file_describes_the_same_job():
    """What is written down loads as the job that was searched for."""
    _, best = found()
    again = job_of(build_workload(description(best.job, "llama-3.1-8b", {})))
    assert again.mesh == best.job.mesh
    assert again == best.job


def test_placed_and_simulated():
    """The placement is sound, and its step about what was predicted for it."""
    cluster, best = found()
    made = place(cluster, best.job, "llama-3.1-8b", keep={"tp": "node"}, time_limit_s=1.0)
    assert check(made.placement).findings == ()
    assert np.isclose(made.simulation.time.step_s, best.step_s, rtol=0.05)


@pytest.mark.parametrize(
    ("topology", "model", "batch", "given", "apart"),
    [
        ("mixed-nics", "llama-3.1-70b", 256, (("tp", "4"), ("cp", "1"), ("micro", "1"), ("vp", "1")), 0.02),
        pytest.param(
            "gb300-220k-degraded", "moe-6t", 16384, (("cp", "16"), ("pp", "98")), 0.03, marks=pytest.mark.slow
        ),
    ],
)
def test_irregular_clusters_keep_what_was_predicted(topology, model, batch, given, apart):
    """The step where the best is placed is about as long as its rank was given for, all of it sound."""
    cluster = load_topology(topology)
    outline = Outline.of(cluster)
    faster = tuple(part.gpus for part in outline.faster)
    domain = outline.levels[0].gpus
    question = Question(
        load_model(model), batch, 8192, Precision.BF16, outline.gpus, domain, given, faster=faster
    )
    best = search(question, outline, keep=1, front=False).best[0]
    made = place(cluster, best.job, model, keep={}, time_limit_s=3.0)
    assert check(made.placement).findings == ()
    assert made.without
    assert made.simulation.time.step_s == pytest.approx(best.step_s, rel=apart)


def test_rules_may_need_all_gpus():
    """Where the faster ones have no room under a rule, the slower ones are used, too."""
    cluster = with_models(ragged_cluster([6, 6, 8], uplinks=(400e9,), scale_up=450e9), "h100", "h100", "a100")
    question = Question(load_model("llama-3.1-8b"), 32, 4096, Precision.BF16, 20, 8)
    row = Strategy(8, 1, 1, 1, 1, 1, 1, Schedule.ONE_F_ONE_B, Recompute.FULL)
    job = question.job(row, ORDERS[0], DataParallel.FSDP)
    free = place(cluster, job, "llama-3.1-8b", keep={}, time_limit_s=0.5)
    held = place(cluster, job, "llama-3.1-8b", keep={"tp": "node"}, time_limit_s=0.5)
    assert (free.simulation.gpu.name, free.without) == ("h100", ("n02",))
    assert (held.simulation.gpu.name, held.without) == ("a100", ())
