"""Which replicas stop where not all can go on: those whose end saves the most moves.

A replica that goes on costs a move for each of its ranks that is dead, and for each that has to leave with
its part. Where every part of a domain that lost too much must leave, these costs add up replica by
replica, and to stop the dearest is proven best. Where parts of several replicas compete for what is left
of a domain, a small programme over these parts is solved exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.groups import groups_along
from planner.placement.spread import PAIRED
from planner.repair.resize import unit_of_rank
from planner.repair.room import slots_of_levels
from planner.repair.stay import most_stay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.repair.rules import Level
    from planner.repair.task import Task

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

SECONDS = 2.0


@dataclass(frozen=True, eq=False)
class Drop:
    """The replicas that stop.

    Parameters
    ----------
    units
        Units that go on, ascending.
    least_moves
        However the units are chosen, those that go on move at least so many ranks.
    """

    units: IntArray
    least_moves: int


def drop(
    task: Task, levels: Sequence[Level], then: Sequence[Level], remaining: int, weights: FloatArray
) -> Drop:
    """Choose the units that go on.

    Parameters
    ----------
    task
        The job with all its replicas, for which there is no room.
    levels
        What rules bind, innermost first.
    then
        The same in the job that goes on: parts that reach across replicas get smaller.
    remaining
        How many units go on.
    weights
        Cost of a crossing byte at each tier: among equals, those stop whose pipelines cross most.
    """
    unit = unit_of_rank(task.workload.mesh)
    units = int(unit.max()) + 1
    certain = _certain(task, then)
    within = [level for level in levels if _in_one_unit(level, unit)]
    cost = np.bincount(unit[certain | ~most_stay(task, within).kept], minlength=units)
    least = np.bincount(unit[certain], minlength=units)
    fewest = int(np.sort(least)[:remaining].sum())
    order = np.lexsort((_crossing(task, unit, units, weights), cost))
    chosen = np.sort(order[:remaining]).astype(np.int32)
    if int(cost[chosen].sum()) > fewest and levels:
        exact = _exactly(task, levels[-1], unit, remaining)
        if exact is not None:
            return Drop(exact.units, max(fewest, exact.least_moves))
    return Drop(chosen, fewest)


def _certain(task: Task, levels: Sequence[Level]) -> BoolArray:
    """Ranks that move whichever units go on: dead, or in a domain without room for any part."""
    certain = ~task.alive
    for level, slots in zip(levels, slots_of_levels(task.cluster, levels, task.available), strict=True):
        certain |= (slots == 0)[task.domain_before(level.tier)]
    return certain


def _in_one_unit(level: Level, unit: IntArray) -> bool:
    """Whether the ranks of each part of a level are of one unit."""
    unit_of_part = np.empty(level.parts, np.int32)
    unit_of_part[level.part] = unit
    return bool((unit_of_part[level.part] == unit).all())


def _crossing(task: Task, unit: IntArray, units: int, weights: FloatArray) -> FloatArray:
    """What each unit's pairs of neighbours cost where they are, negated: the dearest come last."""
    cost = np.zeros(units)
    for family in task.workload.families:
        if family.kind not in PAIRED or "pp" not in family.axes:
            continue
        members = groups_along(task.workload.mesh, family.axes, family.stages).members
        payload = np.asarray(family.payload_bytes)[: members.shape[1] - 1]
        for tier in np.flatnonzero(weights).tolist():
            domain = task.domain_before(tier)[members]
            apart = domain[:, 1:] != domain[:, :-1]
            cost += np.bincount(
                unit[members[:, 0]], weights=weights[tier] * (apart @ payload), minlength=units
            )
    return cost


def _exactly(task: Task, level: Level, unit: IntArray, remaining: int) -> Drop | None:
    """The best choice for one level of rules, by CP-SAT; None where parts hold several units.

    Of several levels only the outermost is looked at, which leaves a bound.
    """
    from ortools.sat.python import cp_model

    if not _in_one_unit(level, unit):
        return None
    unit_of_part = np.empty(level.parts, np.int32)
    unit_of_part[level.part] = unit
    alive = np.bincount(level.part[task.alive], minlength=level.parts)
    home = np.full(level.parts, -1, np.int32)
    home[level.part[task.alive]] = task.domain_before(level.tier)[task.alive]
    slots = _slots_at(task, level)
    held = np.bincount(home[home >= 0], minlength=len(slots))
    tight = (home >= 0) & (held > slots)[home]
    units = int(unit.max()) + 1
    fixed = np.bincount(unit_of_part, weights=level.size - np.where(tight, 0, alive), minlength=units)
    model = cp_model.CpModel()
    on = [model.new_bool_var("") for _ in range(units)]
    model.add(sum(on) == remaining)
    stays = {}
    for part in np.flatnonzero(tight).tolist():
        stays[part] = model.new_bool_var("")
        model.add_implication(stays[part], on[unit_of_part[part]])
    for domain in np.unique(home[tight]).tolist():
        here = np.flatnonzero(tight & (home == domain)).tolist()
        model.add(sum(stays[part] for part in here) <= int(slots[domain]))
    moves = sum(int(each) * variable for each, variable in zip(fixed, on, strict=True))
    model.minimize(moves - sum(int(alive[part]) * variable for part, variable in stays.items()))
    solver = cp_model.CpSolver()
    solver.parameters.max_deterministic_time = SECONDS
    solver.parameters.num_workers = 1
    solver.parameters.catch_sigint_signal = False
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    chosen = np.flatnonzero([solver.boolean_value(variable) for variable in on])
    return Drop(chosen.astype(np.int32), int(np.ceil(solver.best_objective_bound - 1e-6)))


def _slots_at(task: Task, level: Level) -> IntArray:
    """Parts of a level that each domain of its tier has room for, shape (domains,)."""
    tier = level.tier
    room = np.bincount(
        task.cluster.domain_of_gpu[tier][task.available], minlength=task.cluster.tiers[tier].domains
    )
    return (room // level.size).astype(np.int32)
