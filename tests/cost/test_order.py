"""What a rank of every stage does in a step."""

from __future__ import annotations

from collections import Counter

import pytest

from planner.cost.operations import Kind
from planner.cost.order import job_order, order
from planner.cost.schedules import program
from planner.workload.job import Schedule
from planner.workload.load import job_of
from tests.cost.jobs import placed
from tests.cost.test_schedules import CASES

K = Kind


def kinds(operations, *wanted):
    """Kind and microbatch of operations, of the `wanted` kinds alone where any are given."""
    return [(each.kind, each.microbatch) for each in operations if not wanted or each.kind in wanted]


def test_two_stages_under_1f1b():
    """The first sends, the last receives, each beside the pass that it belongs to."""
    found = order(program(Schedule.ONE_F_ONE_B, 2, 1, 2))
    assert kinds(found.operations(0)) == [
        (K.FORWARD, 0),
        (K.SEND_OUTPUT, 0),
        (K.FORWARD, 1),
        (K.SEND_OUTPUT, 1),
        (K.RECEIVE_GRADIENT, 0),
        (K.BACKWARD, 0),
        (K.RECEIVE_GRADIENT, 1),
        (K.BACKWARD, 1),
    ]
    assert kinds(found.operations(1)) == [
        (K.RECEIVE_INPUT, 0),
        (K.FORWARD, 0),
        (K.RECEIVE_INPUT, 1),
        (K.BACKWARD, 0),
        (K.SEND_GRADIENT, 0),
        (K.FORWARD, 1),
        (K.BACKWARD, 1),
        (K.SEND_GRADIENT, 1),
    ]


@pytest.mark.parametrize(("schedule", "virtual"), CASES)
def test_every_transfer_has_two_ends(schedule, virtual):
    """What one stage sends another receives, once; what stays on a stage is not sent."""
    found = order(program(schedule, 4, virtual, 8))
    operations = [each for stage in range(4) for each in found.operations(stage)]
    sent = Counter((each.meets, each.stage, each.peer) for each in operations if each.is_send)
    received = Counter((each.meets, each.peer, each.stage) for each in operations if each.is_receive)
    assert sent == received
    assert set(sent.values()) == {1}
    boundaries = 4 * max(virtual, 2 if schedule is Schedule.ZB_V else 1) - 1
    at_home = 1 if schedule is Schedule.ZB_V else 0
    assert len(sent) == 2 * 8 * (boundaries - at_home)


@pytest.mark.parametrize(("schedule", "virtual"), CASES)
def test_transfers_have_one_order(schedule, virtual):
    """Two stages have all that they share, either way, in the same order."""
    found = order(program(schedule, 4, virtual, 8))
    shared = {}
    for stage in range(4):
        for each in found.operations(stage):
            if each.is_send or each.is_receive:
                shared.setdefault((stage, each.peer), []).append(each.meets)
    assert all(shared[peer, stage] == meets for (stage, peer), meets in shared.items())


@pytest.mark.parametrize(("schedule", "virtual"), CASES)
def test_weight_halves_follow_their_other_half(schedule, virtual):
    """Backward by weight stands behind backward by input of its microbatch, on the same stage."""
    for stage in range(4):
        operations = order(program(schedule, 4, virtual, 8)).operations(stage)
        at = {(each.kind, each.chunk, each.microbatch): n for n, each in enumerate(operations)}
        halves = [(each.chunk, each.microbatch) for each in operations if each.kind is K.BY_WEIGHT]
        assert all(at[K.BY_INPUT, *half] < at[K.BY_WEIGHT, *half] for half in halves)
        whole = kinds(operations, K.BACKWARD, K.BY_INPUT)
        assert len(halves) + len(kinds(operations, K.BACKWARD)) == len(whole)


def families(**changes):
    """Families of a stage's collectives in order, each with its microbatch."""
    workload = placed(**changes).workload
    found = job_order(job_of(workload), workload.families)
    return [(each.family, each.microbatch) for each in found.operations(0) if each.kind is K.COLLECTIVE]


def test_collectives_of_a_step():
    """Parameters are gathered first, tensors in every pass, gradients reduced last."""
    found = families()
    assert found[0] == ("dp_all_gather", -1)
    assert found[-1] == ("dp_reduce_scatter", -1)
    inside = Counter(found[1:-1])
    # Eight microbatches, each forward and backward.
    assert len(inside) == 2 * 8
    assert set(inside.values()) == {2}


def test_fsdp_gathers_in_every_pass():
    """And reduces behind every backward."""
    found = Counter(family for family, _ in families(data_parallel="fsdp"))
    assert found["dp_all_gather"] == 16
    assert found["dp_reduce_scatter"] == 8


def test_a_tied_embedding_joins_the_outer_stages():
    """Its collective comes last, and two stages take part."""
    model = {"name": "tied", "layers": 8, "hidden": 64, "ffn": 128, "heads": 4, "vocab": 100}
    workload = placed(model={**model, "tied_embeddings": True}).workload
    found = job_order(job_of(workload), workload.families)
    for stage in range(2):
        last = found.operations(stage)[-1]
        assert (last.family, last.parties, last.meets) == ("embedding", 2, ("embedding",))
