"""The space of strategies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.strategy.space import ORDERS, Question, divisors, sharings, strategies
from planner.workload.job import DataParallel, Precision, Recompute, Schedule
from tests.workload.jobs import moe_model, small_model

QUESTION = Question(small_model(), 16, 32, Precision.BF16, gpus=8, domain=4)


def all_of(**changes):
    """Every strategy of a small question."""
    return list(strategies(replace(QUESTION, **changes)))


def test_divisors():
    """All of them, in order."""
    assert divisors(12) == (1, 2, 3, 4, 6, 12)


def test_each_comes_once():
    """No strategy is made twice."""
    found = all_of()
    assert len(found) == len(set(found)) > 100


def test_degrees_divide_and_fit():
    """Heads by tp within a domain, the batch by replicas, ranks within the GPUs, chunks within the layers."""
    for each in all_of():
        assert 4 % each.tp == 0
        assert each.tp <= 4
        assert each.tp * each.cp * each.pp * each.dp <= 8
        assert 16 % (each.micro * each.dp) == 0
        assert each.pp * each.vp <= 4 + 2


def test_every_schedule_and_recomputation_is_there():
    """With two stages all but GPipe, which 1F1B is never slower than."""
    found = all_of()
    assert {each.schedule for each in found} == set(Schedule) - {Schedule.GPIPE}
    assert {each.recompute for each in found} == set(Recompute)


def test_expert_groups_divide_experts_and_their_ranks():
    """Of four experts 1, 2 or 4 on as many ranks of cp x dp."""
    found = all_of(model=moe_model())
    assert {each.ep for each in found} == {1, 2, 4}
    assert all(each.cp * each.dp % each.ep == 0 for each in found)


@pytest.mark.parametrize(
    ("name", "value"),
    [("tp", "2"), ("schedule", "zb-h1"), ("recompute", "full"), ("vp", "2"), ("micro", "4")],
)
def test_what_is_given_holds(name, value):
    """Only strategies with it are left, and some are."""
    found = all_of(pinned=((name, value),))
    assert found
    assert {str(getattr(each, name)) for each in found} == {value}


def test_any_of_several_values_will_do():
    """Both degrees given are in the space, and no other."""
    found = all_of(pinned=(("tp", "1"), ("tp", "2")))
    assert {each.tp for each in found} == {1, 2}


def test_bytes_of_gradients_and_of_tokens_to_experts():
    """As given, but for fsdp, whose gradients have two; by the precision otherwise."""
    narrow = replace(QUESTION, gradient_bytes=2, dispatch_bytes=1)
    strategy = next(iter(strategies(narrow)))
    job = narrow.job(strategy, ORDERS[0], DataParallel.DISTRIBUTED_OPTIMIZER)
    assert (job.gradient_bytes, job.dispatch_bytes) == (2, 1)
    usual = QUESTION.job(strategy, ORDERS[0], DataParallel.DISTRIBUTED_OPTIMIZER)
    assert (usual.gradient_bytes, usual.dispatch_bytes) == (4, 2)
    assert QUESTION.job(strategy, ORDERS[0], DataParallel.FSDP).gradient_bytes == 2


def test_ways_of_data_parallelism():
    """Those worth trying, unless some are given."""
    assert sharings(QUESTION) == [DataParallel.DISTRIBUTED_OPTIMIZER, DataParallel.FSDP]
    given = replace(QUESTION, pinned=(("data_parallel", "ddp"),))
    assert sharings(given) == [DataParallel.DDP]
    both = replace(QUESTION, pinned=(("data_parallel", "fsdp"), ("data_parallel", "ddp")))
    assert sharings(both) == [DataParallel.DDP, DataParallel.FSDP]


def test_virtual_stages_may_be_a_little_uneven():
    """61 layers go into 32 chunks, three of them short by one, but not into 40."""
    deep = all_of(model=small_model(layers=61), pinned=(("pp", "8"), ("schedule", "interleaved")))
    assert 4 in {each.vp for each in deep}
    assert 5 not in {each.vp for each in deep}
