"""A step of a placement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.cost.flops import FlopCount, step_flops
from planner.cost.simulate import simulate, slowest_gpu
from planner.errors import UsageError
from planner.topology.presets import UNSPECIFIED, preset
from tests.builders import claimed, grid_workload
from tests.cost.jobs import placed

DESCRIPTION = {
    "format_version": 1,
    "name": "outright",
    "parallelism": {"dp": 16},
    "traffic": {"dp": {"kind": "all_reduce", "bytes": 1}},
}


def test_figures_follow_from_the_step():
    """TFLOP/s, MFU and tokens are the work over the time."""
    found = simulate(placed(), count=FlopCount.FULL)
    seconds = found.time.step_s
    assert found.tokens_per_s_per_gpu == pytest.approx(32 * 4096 / seconds / 16)
    assert found.tflops_per_gpu == pytest.approx(step_flops(found.job, FlopCount.FULL) / seconds / 16e12)
    assert found.mfu == pytest.approx(found.tflops_per_gpu / 989)
    assert found.memory_bytes == max(stage.total for stage in found.memory)


def test_worse_placement_is_slower():
    """Tensor groups across nodes take longer than inside."""
    good = placed()
    apart = np.arange(16).reshape(2, 8).T.ravel().astype(np.int32)
    assert simulate(replace(good, gpu_of_rank=apart)).time.step_s > 1.1 * simulate(good).time.step_s


def test_traffic_given_outright_has_no_step_time():
    """Nobody knows what such a job computes."""
    good = placed()
    job = grid_workload(dp=16, families=[("dp", "all_reduce", 1)])
    job = replace(job, description=DESCRIPTION)
    with pytest.raises(UsageError) as caught:
        simulate(claimed(good.cluster, job, np.arange(16)))
    assert caught.value.problems[0].code == "U007"


def test_gpu_without_figures_has_none_either():
    """The message says what to put into the topology file."""
    good = placed()
    unknown = replace(good, cluster=replace(good.cluster, gpu_kinds=(UNSPECIFIED,)))
    with pytest.raises(UsageError, match="unspecified"):
        simulate(unknown)


def test_slowest_of_those_in_use():
    """A slower GPU that holds no rank does not count."""
    cluster = placed().cluster
    kinds = np.repeat([0, 1], 8).astype(np.int32)
    mixed = replace(cluster, gpu_kinds=(preset("h100"), preset("a100")), gpu_kind=kinds)
    assert slowest_gpu(mixed, np.arange(8)).name == "h100"
    assert slowest_gpu(mixed, np.arange(16)).name == "a100"
