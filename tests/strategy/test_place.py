"""A strategy on the real cluster."""

from __future__ import annotations

import numpy as np

from planner.placement.check import check
from planner.strategy.outline import Outline
from planner.strategy.place import description, place
from planner.strategy.search import search
from planner.strategy.space import Question
from planner.workload.architecture import load_model
from planner.workload.job import Precision
from planner.workload.load import build_workload, job_of
from tests.cost.jobs import placed


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
