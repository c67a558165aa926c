"""Whether a workload goes with a cluster."""

import re
from dataclasses import replace

import pytest

from planner.errors import InfeasibleError, InputError
from planner.topology.presets import UNSPECIFIED
from planner.workload.fit import check_fit, check_memory, check_rules
from planner.workload.load import build_workload
from tests.builders import GPU, grid_cluster


def workload(**changes):
    """Llama 3.1 8B on 8 GPUs: tp 2, dp 4."""
    return build_workload(
        {
            "format_version": 1,
            "name": "eight",
            "model": "llama-3.1-8b",
            "parallelism": {"tp": 2, "dp": 4},
            "batch": {"global": 16, "micro": 4, "sequence": 8192},
        }
        | changes
    )


def cluster(memory_gb, *counts):
    """A cluster of GPUs with that much memory."""
    return replace(grid_cluster(*(counts or (2, 4))), gpu_kinds=(replace(GPU, memory_bytes=memory_gb * 1e9),))


def test_what_fits_passes():
    """Enough memory, and a tier of that name."""
    check_fit(workload(keep={"tp": "node"}), cluster(100))


def test_unknown_tier():
    """A mistyped tier is an input error at its place, with the tier that was meant."""
    with pytest.raises(InputError) as error:
        check_rules(workload(keep={"tp": "nodes"}), cluster(100))
    [problem] = error.value.problems
    assert problem.code == "W040"
    assert problem.position is not None
    assert "'node'" in problem.suggestion


def test_memory_says_what_is_missing_and_what_helps():
    """The stage, what it needs and has, and a change that fits when tried."""
    with pytest.raises(InfeasibleError) as error:
        check_memory(workload(), cluster(60))
    [problem] = error.value.problems
    assert problem.code == "W050"
    assert "stage 0" in problem.message
    assert "has 60 GB" in problem.message
    assert problem.suggestion.startswith("batch: {micro: 1}")
    changed = workload(batch={"global": 16, "micro": 1, "sequence": 8192})
    check_memory(changed, cluster(60))


def test_memory_that_no_single_change_saves():
    """Said as it is where nothing helps."""
    with pytest.raises(InfeasibleError) as error:
        check_memory(workload(), cluster(1))
    assert "no single one" in error.value.problems[0].suggestion


def test_smallest_gpu_decides():
    """On mixed GPUs the one with least memory must do; one out of service does not count."""
    small = replace(GPU, name="small", memory_bytes=1e9)
    mixed = grid_cluster(2, 5, down=(0,))
    mixed.gpu_kind[0] = 1
    mixed = replace(mixed, gpu_kinds=(replace(GPU, memory_bytes=100e9), small))
    check_memory(workload(), mixed)
    mixed.gpu_kind[1] = 1
    with pytest.raises(InfeasibleError, match="small has 1 GB"):
        check_memory(workload(), mixed)


def test_unknown_memory_is_not_checked():
    """Without a figure for the GPU, or without a model, there is nothing to say."""
    check_memory(workload(), replace(grid_cluster(2, 4), gpu_kinds=(UNSPECIFIED,)))
    traffic = {"dp": {"kind": "all_reduce", "bytes": 1}}
    outright = build_workload(
        {"format_version": 1, "name": "t", "parallelism": {"dp": 8}, "traffic": traffic}
    )
    check_memory(outright, cluster(1))


def test_memory_of_a_bare_workload():
    """Where only the bytes are known the error says so much and no more."""
    bare = replace(workload(), description={})
    with pytest.raises(InfeasibleError) as error:
        check_memory(bare, cluster(1))
    [problem] = error.value.problems
    assert problem.suggestion is None
    assert "parameters" not in problem.message


def test_a_given_cut_says_how_many_layers_fit():
    """The stage with too many, the most of them that it could hold, and what else helps."""
    cut = workload(parallelism={"tp": 2, "pp": 2, "dp": 2}, stages=[28, 4])
    with pytest.raises(InfeasibleError) as error:
        check_memory(cut, cluster(60))
    [problem] = error.value.problems
    assert "stage 0" in problem.message
    most = int(re.match(r"at most (\d+) of the 28 layers of stage 0, or ", problem.suggestion)[1])
    needs = [
        workload(parallelism={"tp": 2, "pp": 2, "dp": 2}, stages=[held, 32 - held]).memory_bytes[0]
        for held in (most, most + 1)
    ]
    assert needs[0] <= 60e9 < needs[1]


def test_stages_that_are_still_to_be_balanced():
    """Which layers they hold decides what they need."""
    with pytest.raises(InputError, match="W028"):
        check_fit(workload(parallelism={"tp": 2, "pp": 2, "dp": 2}, stages="balanced"), cluster(100))
