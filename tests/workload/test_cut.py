"""How workload files say what stages hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import InputError
from planner.workload.cut import pinned
from planner.workload.load import build_workload, described_file, job_of
from planner.workload.stages import sizes, stages

JOB = {
    "format_version": 1,
    "name": "job",
    "model": "deepseek-v3",
    "parallelism": {"pp": 4, "dp": 8, "ep": 8},
    "batch": {"global": 64, "sequence": 4096},
}


def workload(**changes):
    """A job of 61 layers over four stages."""
    return build_workload({**JOB, **changes})


@pytest.mark.parametrize(
    ("given_", "layers"),
    [
        ("even", (15, 16, 15, 15)),
        ([14, 16, 17, 14], (14, 16, 17, 14)),
        ([0, 30, 31, 0], (0, 30, 31, 0)),
        ({"first": 10, "last": 3}, (10, 24, 24, 3)),
        ({"last": 13}, (16, 16, 16, 13)),
        ({"first": 13}, (13, 16, 16, 16)),
        ({"last": 60}, None),
        ({"last": 59}, (0, 1, 1, 59)),
        ({"first": 59}, (59, 1, 1, 0)),
    ],
)
def test_given_layers(given_, layers):
    """Of all chunks, or of the outer ones, with the others as equal as they can be."""
    if layers is None:
        with pytest.raises(InputError, match="W027"):
            workload(stages=given_)
        return
    assert sizes(job_of(workload(stages=given_))) == layers


def test_stages_hold_what_is_given():
    """Layers, payloads and memory follow the cut."""
    cut = workload(stages=[10, 17, 17, 17])
    held = stages(job_of(cut))
    assert [len(stage.layers) for stage in held] == [10, 17, 17, 17]
    assert held[1].layers == tuple(range(10, 27))
    even = workload()
    assert cut.memory_bytes[0] < even.memory_bytes[0]
    assert cut.memory_bytes[3] > even.memory_bytes[3]
    [tokens] = [family for family in cut.families if family.name == "ep"]
    assert tokens.payload_bytes[0] / tokens.payload_bytes[1] == pytest.approx((10 - 3) / 17)


def test_chunks_of_virtual_stages():
    """One number a chunk: virtual stages go round, zb-v goes down and up, dualpipe runs both ways."""
    round_ = job_of(workload(parallelism={"pp": 2, "vp": 2, "dp": 8, "ep": 8}, stages=[10, 20, 30, 1]))
    assert [len(stage.layers) for stage in stages(round_)] == [40, 21]
    down_and_up = job_of(
        workload(parallelism={"pp": 2, "dp": 8, "ep": 8}, schedule="zb-v", stages=[10, 20, 30, 1])
    )
    assert [len(stage.layers) for stage in stages(down_and_up)] == [11, 50]
    both = job_of(workload(parallelism={"pp": 2, "dp": 8, "ep": 8}, schedule="dualpipe", stages=[60, 1]))
    assert [len(stage.layers) for stage in stages(both)] == [61, 61]


@pytest.mark.parametrize(
    "given_", ["balanced", {"first": 10, "rest": "balanced"}, {"last": 9}, [15, 15, 15, 16]]
)
def test_a_description_makes_the_same_workload(given_):
    """What a placement stores keeps the cut."""
    made = workload(stages=given_)
    assert build_workload(made.description) == made


def test_what_is_balanced_keeps_what_is_pinned():
    """Until a cluster settles the others, they are even."""
    file = described_file(workload(stages={"first": 10, "last": 12, "rest": "balanced"}))
    assert pinned(file) == {0: 10, 3: 12}
    assert sizes(job_of(workload(stages={"first": 10, "rest": "balanced"}))) == (10, 17, 17, 17)


def test_even_stages_are_stored_as_none():
    """So that a file that says what is the default is the file that does not say it."""
    assert workload(stages="even") == workload()


@given(st.lists(st.integers(0, 70), min_size=1, max_size=6))
def test_layers_that_do_not_add_up_are_refused(layers):
    """Any list is either a cut of the model or an error that says so."""
    sound = len(layers) == 4 and sum(layers) == 61 and min(layers[1:3]) > 0
    if sound:
        assert sizes(job_of(workload(stages=layers))) == tuple(layers)
    else:
        with pytest.raises(InputError, match="W027"):
            workload(stages=layers)
