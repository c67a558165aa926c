"""Why a fleet does not fit: which job or rule fails, and by how much."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InfeasibleError, Problem
from planner.fleet.divide import Divider, Partition, Way, outer_region
from planner.fleet.partition import PartitionModel
from planner.placement.placement import Objective
from planner.placement.wording import plural
from planner.solve.setup.feasible import prove_infeasible
from planner.solve.setup.problem import Problem as Task
from planner.workload.fit import check_memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.errors import Position
    from planner.fleet.cut import Cut
    from planner.fleet.ground import Ground
    from planner.fleet.rules import TierRule
    from planner.solve.setup.control import Control

LOOK_S = 10.0
REMEDIES = {
    "apart": "a tier further in, or smaller jobs",
    "together": "a tier further out, or smaller jobs",
}


def require_possible(ground: Ground) -> None:
    """Refuse a fleet in which a job would not fit were it alone with those that run.

    Raises
    ------
    InfeasibleError
        With every such job: those that run on what is out of service (J012) or against a rule (J011),
        those whose stages do not fit in memory, that have more ranks than GPUs are free to them, or a
        ``keep`` rule of theirs that cannot hold.
    """
    problems = [*_running(ground), *_against_rules(ground), *_too_large_together(ground)]
    for index in ground.fleet.new_jobs:
        problems += _alone(ground, index)
    if problems:
        raise InfeasibleError(*problems)


def _running(ground: Ground) -> list[Problem]:
    """Jobs that run on GPUs which are out of service, or on each other's."""
    problems: list[Problem] = []
    holder: dict[int, str] = {}
    for job in ground.fleet.jobs:
        if job.running is None:
            continue
        gpus = job.running.gpu_of_rank
        dead = int((~ground.cluster.gpu_in_service[gpus]).sum())
        if dead:
            problems.append(
                Problem(
                    "J012",
                    f"{job.name} runs on {plural(dead, 'GPU')} that {_are(dead)} out of service",
                    job.position,
                    "a job that runs on hardware in service",
                    "planner replan, to repair its placement first",
                )
            )
        others = sorted({holder[gpu] for gpu in gpus.tolist() if gpu in holder})
        if others:
            count = sum(gpu in holder for gpu in gpus.tolist())
            problems.append(
                Problem(
                    "J012",
                    f"{job.name} and {', '.join(others)} run on the same {plural(count, 'GPU')}",
                    job.position,
                    "jobs that share no GPU",
                )
            )
        holder.update(dict.fromkeys(gpus.tolist(), job.name))
    return problems


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _against_rules(ground: Ground) -> list[Problem]:
    """Rules that jobs which run break already."""
    problems = []
    fleet, running = ground.fleet, ground.running_in
    for pin in fleet.pins:
        placement = fleet.jobs[pin.job].running
        outside = 0 if placement is None else int((~pin.gpus[placement.gpu_of_rank]).sum())
        if outside:
            message = f"{fleet.jobs[pin.job].name} runs with {plural(outside, 'rank')} outside of {pin.text}"
            problems.append(_broken(message, pin.position))
    for rule in fleet.tier_rules:
        held = [running[job][rule.tier] for job in rule.jobs if job in running]
        if not held:
            continue
        tier = ground.cluster.tiers[rule.tier].name
        if rule.kind == "apart":
            shared = int((np.sum(held, axis=0) > 1).sum())
            if shared:
                problems.append(
                    _broken(f"jobs that run share {plural(shared, tier)}: {rule.text}", rule.position)
                )
        else:
            touched = int(np.any(held, axis=0).sum())
            if touched > 1:
                problems.append(
                    _broken(
                        f"jobs that run lie in {plural(touched, tier)}, not one: {rule.text}", rule.position
                    )
                )
    return problems


def _too_large_together(ground: Ground) -> list[Problem]:
    """Rules that keep together more new ranks than any domain of their tier has free GPUs."""
    problems = []
    for rule in ground.fleet.tier_rules:
        new = [ground.fleet.jobs[job] for job in rule.jobs if ground.fleet.jobs[job].running is None]
        ranks = sum(job.sizes.ranks(job.sizes.values[0]) for job in new)
        room = int(ground.free_in[rule.tier].max(initial=0))
        if rule.kind == "together" and ranks > room:
            tier = ground.cluster.tiers[rule.tier].name
            problems.append(
                Problem(
                    "J011",
                    f"rule {rule.text} fails: its new jobs have {ranks:,} ranks, {ranks - room:,} more than "
                    f"the {room:,} free GPUs of the {tier} that has most",
                    rule.position,
                    f"jobs that fit into one {tier}",
                    REMEDIES["together"],
                )
            )
    return problems


def _broken(message: str, position: Position | None) -> Problem:
    return Problem("J011", message, position, "a rule that holds for the jobs that run")


def _alone(ground: Ground, index: int) -> list[Problem]:
    """Why a new job would not fit if no other new one were there."""
    job = ground.fleet.jobs[index]
    workload = job.sizes.workload(job.sizes.values[0])
    usable = ground.usable(index)
    try:
        check_memory(workload, ground.cluster)
        if int(usable.sum()) < workload.mesh.world_size:
            return [_too_few(ground, index, int(usable.sum()), workload.mesh.world_size)]
        prove_infeasible(Task(ground.cluster, workload, Objective.WEIGHTED, usable))
    except InfeasibleError as error:
        return [
            Problem(
                each.code,
                f"{job.name}: {each.message}",
                each.position or job.position,
                each.expected,
                each.suggestion,
            )
            for each in error.problems
        ]
    return []


def _too_few(ground: Ground, index: int, usable: int, ranks: int) -> Problem:
    job = ground.fleet.jobs[index]
    pins = [pin.text for pin in ground.fleet.pins if pin.job == index]
    where = f"free where {' and '.join(pins)} allows" if pins else "free"
    return Problem(
        "J010",
        f"{job.name} has {ranks:,} ranks{_at_least(job.sizes.elastic)}, {ranks - usable:,} more than the "
        f"{usable:,} GPUs {where} ({_taken(ground)})",
        job.position,
        "a free GPU for every rank",
        "a smaller job" + ("; more hardware in the rule" if pins else ""),
    )


def _at_least(elastic: bool) -> str:
    return " at the least" if elastic else ""


def _taken(ground: Ground) -> str:
    """What holds the GPUs that are not free."""
    cluster = ground.cluster
    down = int((~cluster.gpu_in_service).sum())
    spare = int((cluster.gpu_in_service & cluster.gpu_spare).sum())
    running = sum(len(job.running.gpu_of_rank) for job in ground.fleet.jobs if job.running is not None)
    return (
        f"of {cluster.gpus:,}, {down:,} are out of service, {spare:,} are spares, "
        f"{running:,} hold jobs that run"
    )


def what_fails(
    ground: Ground, cuts: Mapping[int, Cut], ranks: Mapping[int, int], control: Control
) -> list[Problem]:
    """Why jobs that fit one by one do not fit together; their infeasibility is proven.

    Rules are named without which all would fit, and how many ranks find no place with them.
    """
    free, wanted = int(ground.free.sum()), sum(ranks.values())
    if wanted > free:
        names = ", ".join(ground.fleet.jobs[job].name for job in ranks)
        return [
            Problem(
                "J013",
                f"{names} have {wanted:,} ranks together, {wanted - free:,} more than the {free:,} free GPUs "
                f"({_taken(ground)})",
                None,
                "a free GPU for every rank",
                "smaller or fewer jobs",
            )
        ]
    short = _shortage(ground, cuts, ranks, control)
    guilty = [rule for rule in ground.fleet.tier_rules if _fits_without(rule, ground, cuts, ranks, control)]
    if guilty:
        return [
            Problem(
                "J011",
                f"rule {rule.text} fails: {short}",
                rule.position,
                "a rule that leaves every job room",
                REMEDIES[rule.kind],
            )
            for rule in guilty
        ]
    return [
        Problem(
            "J013",
            f"the jobs fit one by one and not together: {short}",
            None,
            "room for every job in whole groups",
            "smaller jobs, or fewer rules",
        )
    ]


def _fits_without(
    rule: TierRule, ground: Ground, cuts: Mapping[int, Cut], ranks: Mapping[int, int], control: Control
) -> bool:
    divider = Divider(ground, Way(cuts, strict=False), control, without=rule)
    return isinstance(divider.divide(ranks), Partition)


def _shortage(ground: Ground, cuts: Mapping[int, Cut], ranks: Mapping[int, int], control: Control) -> str:
    """How many ranks of which jobs find no place at the least, jobs of more priority served first."""
    placed: dict[int, int] = {}
    region = outer_region(ground, ground.outermost, 0, len(ranks))
    for job in sorted(ranks, key=lambda each: (-ground.fleet.jobs[each].priority, each)):
        wanted = placed | {job: ranks[job]}
        model = PartitionModel(ground, region, cuts, wanted, ground.fleet.tier_rules, strict=False, short=job)
        placed[job] = model.most(job, control, LOOK_S)
    missing = {job: ranks[job] - count for job, count in placed.items() if count < ranks[job]}
    return (
        "; ".join(
            f"{count:,} of the {ranks[job]:,} ranks of {ground.fleet.jobs[job].name} find no place"
            for job, count in missing.items()
        )
        or "they cannot be dealt out in whole groups"
    )
