"""Steps that come to a standstill, and those that do not."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.cost.deadlock import examine, examine_queues, examine_workload, queues
from planner.cost.operations import Kind, Operation
from planner.cost.order import job_order, order
from planner.cost.posting import Posting
from planner.cost.schedules import program
from planner.errors import UsageError
from planner.library import shipped
from planner.placement.groups import groups_along
from planner.workload.job import Schedule
from planner.workload.load import job_of, load_workload
from tests.cost.jobs import placed
from tests.cost.test_schedules import CASES

STAGES = {Schedule.DUALPIPE: (2, 4, 8)}


@pytest.mark.parametrize(("schedule", "virtual"), CASES)
def test_no_schedule_deadlocks(schedule, virtual):
    """With transfers on a stream of their own, for any number of stages and microbatches."""
    for stages, rounds in product(STAGES.get(schedule, (1, 2, 3, 5, 8)), (1, 2, 5)):
        safety = examine(order(program(schedule, stages, virtual, stages * rounds * 2)))
        assert safety.ok, (stages, rounds, safety.story, safety.mismatches)


@pytest.mark.parametrize("name", [name for name in shipped("workload") if "grid" not in name])
def test_no_shipped_job_deadlocks(name):
    """The flagship's among them: all its ranks by sixteen that stand for their stages."""
    workload = load_workload(name)
    if job_of(workload) is not None:
        assert examine_workload(workload).ok


@pytest.mark.parametrize("schedule", Schedule)
def test_the_flagship_under_any_schedule(schedule):
    """16 stages of the flagship's job, with two virtual stages where there are any."""
    workload = load_workload("moe-6t-220k")
    job = replace(job_of(workload), schedule=schedule)
    if schedule is Schedule.INTERLEAVED:
        job = replace(job, mesh=replace(job.mesh, vp=2))
    assert examine(job_order(job, workload.families)).ok


@pytest.mark.parametrize(
    ("schedule", "posting", "safe"),
    [
        (Schedule.GPIPE, Posting.APART, True),
        (Schedule.ONE_F_ONE_B, Posting.TOGETHER, True),
        (Schedule.ONE_F_ONE_B, Posting.APART, False),
        (Schedule.ZB_H1, Posting.TOGETHER, True),
        (Schedule.ZB_V, Posting.TOGETHER, False),
    ],
)
def test_how_transfers_are_posted_matters(schedule, posting, safe):
    """1F1B must send and receive at once: one after the other both sides send first and wait."""
    assert examine(order(program(schedule, 4, 1, 8)), posting).ok is safe


def test_a_circle_is_named():
    """Who waits for what: the steady state of 1F1B with sends that are waited for."""
    safety = examine(order(program(Schedule.ONE_F_ONE_B, 2, 1, 4)), Posting.APART)
    assert safety.story == (
        "stage 0 waits to send the output of microbatch 1 to stage 1,"
        " which waits to send the gradient of microbatch 0 to stage 0"
    )


def test_a_broken_program_is_caught():
    """A first stage that wants a gradient before it has sent what the last stage waits for."""
    made = program(Schedule.ONE_F_ONE_B, 2, 1, 4)
    broken = order(replace(made, order=tuple(reversed(made.order))))
    assert not any(examine(broken, posting).ok for posting in Posting)
    assert examine(broken).story == (
        "stage 0 waits to run backward of microbatch 0,"
        " and before that to receive the gradient of microbatch 0 from stage 1,"
        " which waits to send the gradient of microbatch 0 to stage 0,"
        " and before that to run forward of microbatch 1,"
        " and before that to receive the input of microbatch 1 from stage 0,"
        " which waits to send the output of microbatch 1 to stage 1,"
        " and before that to run backward of microbatch 0"
    )


def test_interleaved_stages_with_a_short_last_group():
    """What a workload file may not ask for: 18 microbatches in turns over eight stages."""
    broken = order(program(Schedule.INTERLEAVED, 8, 2, 18))
    assert examine(broken).in_a_circle


def transfer(kind, stage, peer, microbatch):
    """One end of a transfer between two stages."""
    source, target = (stage, peer) if kind is Kind.SEND_OUTPUT else (peer, stage)
    meets = ("forward", source, target, microbatch)
    return Operation(kind, stage, 0, microbatch, peer, meets=meets, parties=2)


def send(stage, peer, microbatch=0):
    """An output to another stage."""
    return transfer(Kind.SEND_OUTPUT, stage, peer, microbatch)


def receive(stage, peer, microbatch=0):
    """An input from another stage."""
    return transfer(Kind.RECEIVE_INPUT, stage, peer, microbatch)


def collective(stage, family, parties=2):
    """A collective that joins stages."""
    return Operation(Kind.COLLECTIVE, stage, family=family, meets=(family,), parties=parties)


def alone(*operations):
    """A queue of operations one after another."""
    return [(each,) for each in operations]


def test_two_stages_that_both_send_first():
    """As a pair they wait for each other; in one group they do not."""
    first, second = (send(0, 1), receive(0, 1)), (send(1, 0), receive(1, 0))
    assert not examine_queues([alone(*first), alone(*second)]).ok
    assert examine_queues([[first], [second]]).ok
    assert examine_queues([alone(*first), alone(*reversed(second))]).ok


def test_collectives_in_another_order():
    """Stages that come to the same two collectives in different orders are named with both."""
    queues_ = [alone(collective(0, "a"), collective(0, "b")), alone(collective(1, "b"), collective(1, "a"))]
    safety = examine_queues(queues_)
    assert safety.story == (
        "stage 0 waits for its collective a,"
        " to which stage 1 does not come, as it waits for its collective b,"
        " for which stage 0 is needed"
    )
    assert examine_queues([queues_[0], alone(collective(1, "a"), collective(1, "b"))]).ok


def test_three_stages_in_a_ring():
    """Only those in the circle are named."""
    ring = [alone(send(each, (each + 1) % 3), receive(each, (each + 2) % 3)) for each in range(3)]
    beside = alone(receive(3, 0, 1))
    ring[0].append((send(0, 3, 1),))
    safety = examine_queues([beside, *ring])
    assert {each.stage for each in safety.waits} == {0, 1, 2}
    assert safety.in_a_circle


def test_what_nobody_sends():
    """There is no circle, but a wait without an end, and the counts differ."""
    safety = examine_queues([alone(receive(0, 1)), alone(receive(2, 0))])
    assert "never comes" in safety.story
    assert len(safety.mismatches) == 2


def test_transfers_that_cross():
    """NCCL pairs sends and receives in their order: the first with the first, whatever is in them."""
    safety = examine_queues([[(send(0, 1, 0), send(0, 1, 1))], [(receive(1, 0, 1), receive(1, 0, 0))]])
    assert not safety.waits
    [mismatch] = safety.mismatches
    assert mismatch == (
        "transfer 1 between them: stage 0 is to send the output of microbatch 0 to stage 1,"
        " stage 1 to receive the input of microbatch 1 from stage 0"
    )


@st.composite
def exchanges(draw):
    """A few transfers and collectives between up to five stages, in any order, some of them grouped."""
    stages = draw(st.integers(2, 5))
    ends = [[] for _ in range(stages)]
    for index in range(draw(st.integers(1, 6))):
        source, target = draw(st.permutations(range(stages)))[:2]
        ends[source].append(send(source, target, index))
        ends[target].append(receive(target, source, index))
    for index in range(draw(st.integers(0, 2))):
        members = draw(st.permutations(range(stages)))[: draw(st.integers(2, stages))]
        for stage in members:
            ends[stage].append(collective(stage, f"c{index}", len(members)))
    made = []
    for own in ends:
        shuffled = draw(st.permutations(own))
        cuts = sorted(draw(st.sets(st.integers(0, len(own)))) | {0, len(own)})
        made.append([tuple(shuffled[a:b]) for a, b in pairwise(cuts)])
    return made


def has_circle(of):
    """Whether a graph of what waits for what has a circle, as networkx sees it.

    An item is done after the item before it, and after the items before those that its operations meet.
    """
    graph, at = nx.DiGraph(), {}
    for queue, place in ((q, p) for q, items in enumerate(of) for p in range(len(items))):
        for operation in of[queue][place]:
            at.setdefault(operation.meets, []).append((queue, place))
    for queue, items in enumerate(of):
        for place, item in enumerate(items):
            others = [each for operation in item for each in at[operation.meets]]
            for other, where in [(queue, place), *others]:
                if where:
                    graph.add_edge((queue, place), (other, where - 1))
    return not nx.is_directed_acyclic_graph(graph)


@given(exchanges())
@settings(max_examples=150, deadline=None)
def test_deadlocks_are_circles_of_the_graph(made):
    """Running finds a standstill exactly where the graph of waits has a circle."""
    safety = examine_queues(made)
    assert bool(safety.waits) is has_circle(made)
    assert safety.in_a_circle is bool(safety.waits)


def every_rank(workload, posting):
    """The queues of all ranks, each a copy of its stage's with groups as the mesh has them."""
    mesh = workload.mesh
    made = [*queues(job_order(job_of(workload), workload.families), posting)]
    of_stage = [[own for own in made if own and own[0][0].stage == stage] for stage in range(mesh.pp)]
    column = groups_along(mesh, ("pp",)).members
    families = {family.name: family for family in workload.families}
    group = {}
    for name, family in families.items():
        for number, members in enumerate(groups_along(mesh, family.axes, family.stages).members):
            group |= {(name, rank): (number, len(members)) for rank in members.tolist()}
    return [
        [tuple(of_rank(each, rank, replica, own, group) for each in item) for item in own]
        for replica, ranks in enumerate(column.tolist())
        for stage, rank in enumerate(ranks)
        for own in of_stage[stage]
    ]


def of_rank(operation, rank, replica, own, group):
    """An operation of a stage as one of its ranks does it."""
    needs = tuple((rank, *label) for label in operation.needs)
    gives = operation.gives and (rank, *operation.gives)
    if operation.kind is not Kind.COLLECTIVE:
        meets = operation.meets and (replica, *operation.meets)
        return operation._replace(needs=needs, gives=gives, meets=meets)
    number, size = group[operation.family, rank]
    before = [each for item in own for each in item if each.family == operation.family]
    instance = next(n for n, each in enumerate(before) if each is operation)
    return operation._replace(meets=(operation.family, number, instance), parties=size)


@pytest.mark.parametrize("posting", Posting)
@pytest.mark.parametrize("schedule", Schedule)
def test_one_rank_a_stage_stands_for_all(schedule, posting):
    """Running every rank of a small job ends as running one a stage does."""
    changes = {"schedule": str(schedule), "parallelism": {"tp": 2, "pp": 4, "dp": 2}}
    if schedule is Schedule.INTERLEAVED:
        changes["parallelism"]["vp"] = 2
    workload = placed(**changes).workload
    one = examine_workload(workload, posting)
    assert bool(examine_queues(every_rank(workload, posting)).waits) is bool(one.waits)


def test_traffic_alone_has_no_order():
    """Nothing says what runs when."""
    workload = load_workload("grid-16x64")
    with pytest.raises(UsageError) as caught:
        examine_workload(workload)
    assert caught.value.problems[0].code == "U009"
