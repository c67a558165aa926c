"""How large each job becomes: fixed jobs as they are, elastic ones share what is left by priority."""

from __future__ import annotations

import heapq
from functools import partial
from typing import TYPE_CHECKING

from planner.errors import InfeasibleError, NoPlacementError, Problem
from planner.fleet.divide import Answer, Divider, Partition, Way
from planner.fleet.explain import what_fails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from planner.fleet.ground import Ground
    from planner.solve.setup.control import Control


def size_jobs(ground: Ground, control: Control) -> tuple[Way, dict[int, int]]:
    """How jobs are cut, and the size of each new job.

    Everybody gets the least; what is left goes step by step to the elastic job that has got the least
    beyond it for its priority. Where rules or fragments let no such sizes stand, as many steps are
    taken as do, and then each job in the order of priority as many more as it can.

    Raises
    ------
    InfeasibleError
        Where even the least sizes do not fit; it is said which job or rule fails, and by how much.
    NoPlacementError
        Where that could not be told within the limits.
    """
    way = _way(ground, control)
    steps = list(grants(ground))
    taken = _most(len(steps), lambda n: _fits(ground, way, _after(ground, steps[:n]), control))
    index = _after(ground, steps[:taken])
    if taken < len(steps):
        for job in sorted(index, key=lambda each: (-ground.fleet.jobs[each].priority, each)):
            index[job] += _most(
                len(ground.fleet.jobs[job].sizes.values) - 1 - index[job],
                partial(_fits_with_more, ground, way, index, job, control),
            )
    return way, {job: ground.fleet.jobs[job].sizes.values[at] for job, at in index.items()}


def _way(ground: Ground, control: Control) -> Way:
    """The first way of cutting, largest cells first, in which the least sizes fit."""
    preferred = {job: cuts[0] for job, cuts in ground.cuts.items()}
    ruled = {job: cuts[-1] for job, cuts in ground.cuts.items()}
    least = dict.fromkeys(ground.cuts, 0)
    for way in (Way(preferred), Way(ruled), Way(ruled, strict=False)):
        found = _divide(ground, way, least, control)
        if isinstance(found, Partition):
            return way
    if found is Answer.NONE_EXISTS:
        raise InfeasibleError(*what_fails(ground, way.cuts, _ranks(ground, least), control))
    raise NoPlacementError(
        Problem(
            "S004",
            "no partition of the cluster among the jobs was found, and none is proven not to exist",
            suggestion="a longer --time-limit, or fewer rules",
        )
    )


def _ranks(ground: Ground, index: Mapping[int, int]) -> dict[int, int]:
    sizes = {job: ground.fleet.jobs[job].sizes for job in index}
    return {job: sizes[job].ranks(sizes[job].values[at]) for job, at in index.items()}


def _divide(ground: Ground, way: Way, index: Mapping[int, int], control: Control) -> Partition | Answer:
    return Divider(ground, way, control).divide(_ranks(ground, index))


def _fits(ground: Ground, way: Way, index: Mapping[int, int], control: Control) -> bool:
    """Whether the jobs fit at these sizes, each given by its place among the job's sizes."""
    if not any(index.values()):
        return True
    return isinstance(_divide(ground, way, index, control), Partition)


def _fits_with_more(
    ground: Ground, way: Way, index: Mapping[int, int], job: int, control: Control, more: int
) -> bool:
    return _fits(ground, way, {**index, job: index[job] + more}, control)


def _most(limit: int, fits: Callable[[int], bool]) -> int:
    """The most steps that fit, tried from the most down by halves."""
    if limit == 0 or fits(limit):
        return limit
    low, high = 0, limit
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def grants(ground: Ground) -> Iterator[int]:
    """The jobs that grow a step, one after another, as long as there are GPUs for it."""
    jobs = ground.fleet.jobs
    ranks = {job: jobs[job].sizes.ranks(jobs[job].sizes.values[0]) for job in ground.cuts}
    left = int(ground.free.sum()) - sum(ranks.values())
    queue = [(0.0, -jobs[job].priority, job, 0) for job in ground.cuts if jobs[job].sizes.elastic]
    heapq.heapify(queue)
    while queue:
        _, _, job, at = heapq.heappop(queue)
        sizes = jobs[job].sizes
        more = sizes.ranks(sizes.values[at + 1]) - sizes.ranks(sizes.values[at])
        if more > left:
            continue
        left -= more
        yield job
        if at + 2 < len(sizes.values):
            beyond = sizes.ranks(sizes.values[at + 1]) - ranks[job]
            heapq.heappush(queue, (beyond / jobs[job].priority, -jobs[job].priority, job, at + 1))


def _after(ground: Ground, steps: list[int]) -> dict[int, int]:
    index = dict.fromkeys(ground.cuts, 0)
    for job in steps:
        index[job] += 1
    return index
