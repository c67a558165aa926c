"""Seats on rails: ranks change places so that fewer bytes between nodes change rail.

Ranks change seats inside their nodes, and replicas exchange stages where no tier notices, so nothing changes
at any tier. A sweep and swaps come first, then walks; what they leave is seated again by an exact model, all
nodes of a small job at once, and a few at a time.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.groups import groups_along
from planner.solve.seats.rail_links import chains_of
from planner.solve.seats.rail_model import Reseated, reseat
from planner.solve.seats.rail_walk import walked_seats
from planner.solve.seats.rail_wishes import Wishes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.setup.control import Control
    from planner.solve.setup.problem import Problem

    IntArray = NDArray[np.int32]

ROUNDS = 60
FEWEST_ROUNDS = 8
MOST_SWAPS = 500_000
PATIENCE = 25
HEAT = 0.5
# Jobs of up to so many ranks are seated by one model as well, and larger ones at all.
WHOLE_RANKS, MOST_RANKS = 512, 50_000
# Of the time, kept for seats: of jobs that one model seats whole most, as little else needs it, and of larger
# ones little where all nodes have the same rails.
WHOLE_PART, UNEQUAL_PART, EQUAL_PART = 0.3, 0.1, 0.03
FREED_NODES = 8
FREED_SECONDS = 3.0
ROUND_SECONDS = 0.3
FAILURES = 30
DRAWS = 60
# Of what is left of the time, and at most so many seconds, for the model of a whole job: until it is likely
# to have proven an easy one, and from better seats on.
EASY_SHARE, EASY_SECONDS = 0.15, 0.5
WHOLE_SHARE, WHOLE_SECONDS = 0.9, 3.0
# Rounds of walks; all of them where a clock ends them.
SHORT_WALKS, LONG_WALKS, ALL_WALKS = 1, 3, 20
WALK_SHARE = 0.35


def time_for_rails(problem: Problem) -> float:
    """Part of the time that is kept for seats on rails: none without rails, or for too large a job."""
    cluster, ranks = problem.cluster, problem.workload.mesh.world_size
    if (cluster.gpu_rail < 0).all() or ranks > MOST_RANKS:
        return 0.0
    if ranks <= WHOLE_RANKS:
        return WHOLE_PART
    room = np.zeros((int(cluster.gpu_node.max()) + 1, int(cluster.gpu_rail.max()) + 2), np.int32)
    np.add.at(room, (cluster.gpu_node[problem.available], cluster.gpu_rail[problem.available]), 1)
    kinds = np.unique(room[room.any(axis=1)], axis=0)
    return EQUAL_PART if len(kinds) == 1 else UNEQUAL_PART


def keep_rails(problem: Problem, gpu_of_rank: IntArray, control: Control) -> IntArray:
    """A placement as good at each tier, with other seats where that keeps more bytes on their rail.

    Two starts are tried: the seats as they are, and those that a sweep over the stages gives, in
    which each rank follows its neighbour of the stage before. From the better one on, pairs of seats
    in a node are swapped as long as that helps, also uphill; walks follow, in which replicas exchange
    stages too, and an exact model, which sees exchanges among any number of ranks and proves that no
    seats in the same nodes are better or finds them.
    """
    wishes = Wishes(problem, gpu_of_rank)
    if wishes.changed(gpu_of_rank) == 0:
        return gpu_of_rank
    best = min((gpu_of_rank, _swept(problem, gpu_of_rank)), key=wishes.changed)
    if wishes.changed(best) > 0:
        best = _swapped(problem, wishes, best, control)
    return _freed(problem, best, control) if wishes.changed(best) > 0 and not control.over else best


def _swept(problem: Problem, gpu_of_rank: IntArray) -> IntArray:
    """Seats stage by stage: on the rail of the stage before where its rank is in another domain."""
    cluster = problem.cluster
    domain = cluster.domain_of_gpu[cluster.boundary][gpu_of_rank]
    node, rail = cluster.gpu_node[gpu_of_rank], cluster.gpu_rail - int(cluster.gpu_rail.min())
    rails = int(rail.max()) + 1
    used = np.isin(cluster.gpu_node, node) & problem.available
    free = np.flatnonzero(used)
    free = free[np.lexsort((free, rail[free], cluster.gpu_node[free]))].astype(np.int32)
    seat = np.empty_like(gpu_of_rank)
    stages = groups_along(problem.workload.mesh, ("pp",)).members.T
    for stage, ranks in enumerate(stages):
        waiting = ranks
        if stage:
            before = stages[stage - 1]
            moved = np.flatnonzero(domain[before] != domain[ranks])
            wanted = node[ranks[moved]].astype(np.int64) * rails + rail[seat[before[moved]]]
            order = np.argsort(wanted, kind="stable")
            offered = cluster.gpu_node[free].astype(np.int64) * rails + rail[free]
            asks, takes = _first_of_each(wanted[order], offered)
            seat[ranks[moved[order[asks]]]] = free[takes]
            free = np.delete(free, takes)
            waiting = np.delete(ranks, moved[order[asks]])
        waiting = waiting[np.argsort(node[waiting], kind="stable")]
        asks, takes = _first_of_each(node[waiting], cluster.gpu_node[free])
        seat[waiting[asks]] = free[takes]
        free = np.delete(free, takes)
    return seat


def _first_of_each(
    asked: NDArray[np.integer], offered: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where two sorted lists have the same entries, paired off in order: places in both."""
    place = np.arange(len(asked)) - np.searchsorted(asked, asked)
    at = np.searchsorted(offered, asked) + place
    served = at < np.searchsorted(offered, asked, side="right")
    return np.flatnonzero(served), at[served]


def _swapped(problem: Problem, wishes: Wishes, gpu_of_rank: IntArray, control: Control) -> IntArray:
    """Swap seats in half of the nodes at a time, drawn anew each round; the best seats seen.

    Large jobs get fewer rounds, so that this takes a small part of any run.
    """
    random = np.random.default_rng(control.seed)
    seats, rail = _seats_of_nodes(problem, gpu_of_rank), wishes.rail_of_gpu
    best, least, failures = gpu_of_rank, wishes.changed(gpu_of_rank), 0
    now = best.copy()
    typical = wishes.typical()
    rounds = min(ROUNDS, max(FEWEST_ROUNDS, MOST_SWAPS // wishes.ranks))
    for turn in range(rounds):
        chosen = seats[random.random(len(seats)) < 0.5]
        rank_of_gpu = np.full(problem.cluster.gpus + 1, wishes.ranks, np.int32)
        rank_of_gpu[now] = np.arange(wishes.ranks)
        votes = wishes.votes(now)
        heat = HEAT * (1 - turn / rounds) * typical
        for one, other in combinations(range(seats.shape[1]), 2):
            here, there = chosen[:, one], chosen[:, other]
            first, second = rank_of_gpu[here], rank_of_gpu[there]
            gain = votes[first, rail[there]] + votes[second, rail[here]]
            gain -= votes[first, rail[here]] + votes[second, rail[there]]
            swap = (gain + heat * random.standard_normal(len(gain)) > 0) & (here >= 0) & (there >= 0)
            rank_of_gpu[here[swap]], rank_of_gpu[there[swap]] = second[swap], first[swap]
        held = np.flatnonzero(rank_of_gpu[:-1] < wishes.ranks)
        now = now.copy()
        now[rank_of_gpu[held]] = held
        changed = wishes.changed(now)
        failures = 0 if changed < least else failures + 1
        if changed < least:
            best, least = now, changed
        if least == 0 or failures > PATIENCE or control.over:
            break
    return best


def _seats_of_nodes(problem: Problem, gpu_of_rank: IntArray) -> IntArray:
    """GPUs that may hold a rank in each node that holds any, shape (nodes, seats); -1 beyond."""
    cluster = problem.cluster
    gpus = np.flatnonzero(np.isin(cluster.gpu_node, cluster.gpu_node[gpu_of_rank]) & problem.available)
    _, row, count = np.unique(cluster.gpu_node[gpus], return_inverse=True, return_counts=True)
    table = np.full((len(count), int(count.max())), -1, np.int32)
    table[row, np.arange(len(gpus)) - (np.cumsum(count) - count)[row]] = gpus
    return table


def _freed(problem: Problem, gpu_of_rank: IntArray, control: Control) -> IntArray:
    """Walk over the seats, and seat nodes again by the exact model: a few at a time, all of a small job's."""
    seats, proven = gpu_of_rank, False
    alone = min(chains_of(problem, gpu_of_rank).following.shape) == 1
    for share, most_s in ((EASY_SHARE, EASY_SECONDS), (WHOLE_SHARE, WHOLE_SECONDS)):
        rounds = range(SHORT_WALKS)
        if share == WHOLE_SHARE:
            rounds = range(SHORT_WALKS, LONG_WALKS if proven or control.deterministic else ALL_WALKS)
        with control.step(WALK_SHARE):
            seats = walked_seats(problem, seats, control, rounds)
        wishes = Wishes(problem, seats)
        if wishes.changed(seats) == 0:
            return seats
        if len(seats) <= WHOLE_RANKS:
            seats, proven = _all_at_once(problem, wishes, seats, control, share, most_s)
            if proven and alone:
                # No replica can exchange stages with another, so there is nothing else to move.
                return seats
    return seats if proven else _few_at_a_time(problem, wishes, seats, control)


def _all_at_once(
    problem: Problem, wishes: Wishes, gpu_of_rank: IntArray, control: Control, share: float, most_s: float
) -> Reseated:
    """Seat all nodes of the job again, within a share of what is left of the time."""
    node = problem.cluster.gpu_node
    freed = np.zeros(int(node.max()) + 1, np.bool_)
    freed[node[gpu_of_rank]] = True
    limit_s = min(most_s, share * control.left_s)
    return reseat(problem, wishes, gpu_of_rank, freed, control, limit_s)


def _few_at_a_time(problem: Problem, wishes: Wishes, gpu_of_rank: IntArray, control: Control) -> IntArray:
    """Seat a few nodes again at a time, drawn around bytes that change rail."""
    node, random = problem.cluster.gpu_node, np.random.default_rng(control.seed)
    freed = np.zeros(int(node.max()) + 1, np.bool_)
    least, failures = wishes.changed(gpu_of_rank), 0
    ends_s = control.clock_s + FREED_SECONDS
    while least > 0 and failures < FAILURES and control.clock_s < ends_s and not control.over:
        freed[:] = False
        freed[_around(wishes, gpu_of_rank, node, random)] = True
        found = reseat(problem, wishes, gpu_of_rank, freed, control, ROUND_SECONDS).gpu_of_rank
        changed = wishes.changed(found)
        failures = 0 if changed < least else failures + 1
        if changed <= least:
            gpu_of_rank, least = found, changed
    return gpu_of_rank


def _around(wishes: Wishes, gpu_of_rank: IntArray, node: IntArray, random: np.random.Generator) -> list[int]:
    """Nodes around some bytes that change rail: of ranks that are linked with those of nodes before."""
    broken = wishes.broken(gpu_of_rank)
    first = random.permutation(broken[random.integers(len(broken))])
    nodes = list(dict.fromkeys(node[gpu_of_rank[first]].tolist()))[: FREED_NODES // 2]
    for _ in range(DRAWS):
        rank = random.choice(np.flatnonzero(node[gpu_of_rank] == random.choice(nodes)))
        linked = wishes.linked_with(rank)
        following = int(node[gpu_of_rank[random.choice(linked)]]) if len(linked) else nodes[0]
        if following not in nodes and len(nodes) < FREED_NODES:
            nodes.append(following)
    return nodes
