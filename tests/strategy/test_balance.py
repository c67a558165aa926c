"""Balanced stages on a cluster."""

from dataclasses import replace

import pytest

from planner import solve
from planner.errors import InfeasibleError, InputError, UsageError
from planner.strategy.balance import balance
from planner.strategy.faster_cuts import faster_cut, with_faster_cuts
from planner.strategy.measure import step_of
from planner.strategy.outline import Outline
from planner.strategy.search import search
from planner.strategy.space import Question
from planner.topology.load import load_topology
from planner.topology.presets import preset
from planner.workload.architecture import load_model
from planner.workload.job import Precision
from planner.workload.load import build_workload, job_of
from planner.workload.stages import sizes
from tests.builders import grid_cluster

JOB = {
    "format_version": 1,
    "name": "job",
    "model": "llama-3.1-8b",
    "parallelism": {"pp": 4, "dp": 4},
    "batch": {"global": 256, "micro": 1, "sequence": 4096},
}


def cluster(gpu="h100"):
    """Two nodes of eight GPUs."""
    kind = preset(gpu) if isinstance(gpu, str) else gpu
    return replace(grid_cluster(2, 8, uplinks=(400e9,), scale_up=450e9), gpu_kinds=(kind,))


def workload(**changes):
    """A job of 32 layers over four stages, balanced."""
    return build_workload({**JOB, "stages": "balanced", **changes})


def test_the_head_takes_layers_from_the_last_stage():
    """128,256 words are as long as several layers."""
    made = balance(cluster(), workload())
    layers = made.description["stages"]
    assert sum(layers) == 32
    assert layers[-1] < 8 <= max(layers)
    assert build_workload(made.description) == made


def test_given_layers_stay():
    """Pins hold, the others are balanced around them."""
    made = balance(cluster(), workload(stages={"first": 5, "rest": "balanced"}))
    layers = made.description["stages"]
    assert layers[0] == 5
    assert layers[-1] < max(layers[1:3])


@pytest.mark.parametrize("stages", ["even", [8, 8, 9, 7]])
def test_nothing_to_balance(stages):
    """What is settled comes back as it is, rules and all."""
    given = workload(stages=stages, keep={"dp": "node"})
    assert balance(cluster(), given) is given
    bare = build_workload({"format_version": 1, "name": "bare", "parallelism": {"dp": 2},
                           "traffic": {"dp": {"kind": "ring", "bytes": 1}}})  # fmt: skip
    assert balance(cluster(), bare) is bare


def test_positions_of_rules_are_kept():
    """Messages still point into the file that was read."""
    given = workload(keep={"dp": "nod"})
    assert balance(cluster(), given).keep_positions == given.keep_positions


def test_open_stages_are_not_placed():
    """The solver needs payloads, which depend on the cut; the error says how to settle it."""
    with pytest.raises(InputError, match=r"W028(.*\n)+.*planner\.balance"):
        solve(cluster(), workload())
    placed = solve(cluster(), balance(cluster(), workload())).placement
    assert sizes(job_of(placed.workload)) == tuple(placed.workload.description["stages"])


def test_unknown_speed():
    """Nobody knows which stage is slow on GPUs without figures."""
    with pytest.raises(UsageError, match="U007"):
        balance(cluster(replace(preset("h100"), tflops={})), workload())


def test_what_fits_nowhere_is_told_by_the_solver():
    """Without a cut that fits, the fastest is taken, and the fullest stage is named."""
    small = cluster(replace(preset("h100"), memory_bytes=20e9))
    made = balance(small, workload(parallelism={"pp": 2, "dp": 8}))
    with pytest.raises(InfeasibleError, match="W050"):
        solve(small, made)


def test_balanced_where_that_is_faster():
    """With many microbatches the slowest stage decides; a single stage stays as it is."""
    outline = Outline.of(cluster())
    many = step_of(job_of(workload(stages="even")), outline)
    cut = faster_cut(many, 80e9)
    assert cut.job.cut is not None
    assert cut.time(quick=True).step_s < many.time(quick=True).step_s
    one = step_of(job_of(workload(stages="even", parallelism={"dp": 16})), outline)
    assert faster_cut(one, 80e9) is one


def test_a_search_takes_the_faster_cut():
    """Order and front are those of the steps with it; what balancing does not help stays."""
    asked = Question(load_model("llama-3.1-8b"), 256, 4096, Precision.BF16, 16, 8, (("pp", "4"), ("tp", "1")))
    outline = Outline.of(cluster())
    plain = search(asked, outline, keep=3)
    answer = with_faster_cuts(plain, outline)
    assert [found.step_s for found in answer.best] == sorted(found.step_s for found in answer.best)
    assert answer.best[0].step_s < plain.best[0].step_s
    assert any(found.job.cut for found in answer.best)
    for found in answer.best:
        again = step_of(found.job, outline).time(quick=True).step_s
        assert found.step_s == pytest.approx(again)
        assert found.memory_bytes <= 80e9


def test_the_flagship():
    """Ninety-six layers over sixteen stages: the head's stage gives layers away."""
    made = balance(load_topology("gb300-220k"), build_workload({
        "format_version": 1, "name": "flagship", "model": "moe-6t", "stages": "balanced",
        "parallelism": {"ep": 72, "pp": 16, "dp": 13752}, "precision": "fp8",
        "batch": {"global": 220032, "micro": 1, "sequence": 4096}, "schedule": "zb-h1",
    }))  # fmt: skip
    layers = made.description["stages"]
    assert sum(layers) == 96
    assert layers[-1] < 6
