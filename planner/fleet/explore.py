"""Small fleets looked at as a whole: the cheapest counts of all jobs, placed, until nothing is better.

The joint model names the cheapest counts by what is known of them. Jobs are placed at these counts, which
shows what they really cost; the model learns it, and names others. Once it knows the costs of what it names,
its value is a bound on F that no look at further counts could raise. A few more are still tried, since
which rank lies in which node also decides what weights cross.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InfeasibleError, NoPlacementError
from planner.fleet.bounds import bound_job
from planner.fleet.joint import JointModel, is_countable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from planner.fleet.ground import Ground
    from planner.fleet.placed import PlacedFleet
    from planner.placement.placement import Placement
    from planner.solve.setup.control import Control
    from planner.workload.workload import Workload

    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int64]
    Counts = tuple[int, ...]
    Place = Callable[[int, BoolArray], Placement]
    Join = Callable[[Mapping[int, Placement]], PlacedFleet]

MET = 1e-9
MOST_LOOKS, MORE_LOOKS = 200, 20


@dataclass
class Explorer:
    """Looks at counts of all jobs until the best placement meets the bound, or time is over.

    Parameters
    ----------
    ground, workloads, control
        The fleet at its sizes, and limits.
    bounds
        Least J of each new job wherever it lies.
    place, join
        Place one job on some GPUs, bounds of its own placement included; make a fleet of placements.
    best
        The best placement so far.
    """

    ground: Ground
    workloads: Mapping[int, Workload]
    control: Control
    bounds: Mapping[int, float]
    place: Place
    join: Join
    best: PlacedFleet
    found: dict[tuple[int, bytes], Placement | None] = field(default_factory=dict)
    least: dict[tuple[int, bytes], float] = field(default_factory=dict)

    def run(self) -> float:
        """Improve `best`; a lower bound on F without the jobs that run, 0 where there is none."""
        ranks = {job: workload.mesh.world_size for job, workload in self.workloads.items()}
        known_s = self.best.claims.value_s
        if not 0 < known_s < math.inf or not is_countable(self.ground, ranks):
            return 0.0
        model = JointModel(self.ground, ranks, self.control, self.bounds, known_s)
        self._look(model)
        bound_s = model.bound_s
        for _ in range(MORE_LOOKS):
            counts = None if self._done(bound_s) else model.least()
            if counts is None or model.bound_s >= self.best.claims.value_s:
                break
            self._try(model, counts)
            model.rule_out(counts)
        return bound_s

    def _look(self, model: JointModel) -> None:
        """Ask for the cheapest counts until it is known what they cost."""
        for _ in range(MOST_LOOKS):
            counts = model.least()
            if counts is None or self._done(model.bound_s) or not self._try(model, counts):
                break

    def _done(self, bound_s: float) -> bool:
        claims = self.best.claims
        running_s = sum(
            job.priority * job.placement.claims.weighted_s for job in self.best.jobs if job.running
        )
        return self.control.over or claims.value_s <= (bound_s + running_s) * (1 + MET)

    def _try(self, model: JointModel, counts: Mapping[int, Counts]) -> bool:
        """Place all jobs at these counts if that may be of use; whether the model learned something."""
        parts = self._dealt(counts)
        each = parts or {job: self._first(self.ground.usable(job), held) for job, held in counts.items()}
        news = False
        for job, held in counts.items():
            news |= model.raise_to(job, held, self._least(job, each[job]))
        if self._worse(model, counts):
            return news
        placements = {job: self._placed(job, part) for job, part in each.items()}
        for job, placement in placements.items():
            news |= placement is not None and model.raise_to(job, counts[job], placement.claims.lower_bound)
        if parts:
            self._join({job: held for job, held in placements.items() if held is not None})
        return news

    def _worse(self, model: JointModel, counts: Mapping[int, Counts]) -> bool:
        """Whether bounds show that these counts make nothing better."""
        jobs = self.ground.fleet.jobs
        least = sum(jobs[job].priority * model.known(job, held) for job, held in counts.items())
        return least > self.best.claims.value_s

    def _least(self, job: int, part: BoolArray) -> float:
        """A bound on J of one job on some GPUs that is soon found."""
        key = job, part.tobytes()
        if key not in self.least:
            self.least[key] = bound_job(
                self.ground.cluster, self.workloads[job], part, self.control
            ).weighted_s
        return self.least[key]

    def _join(self, placements: Mapping[int, Placement]) -> None:
        """The fleet of these placements is the best if it is better."""
        if len(placements) == len(self.workloads):
            joined = self.join(placements)
            if joined.claims.value_s < self.best.claims.value_s:
                self.best = joined

    def _placed(self, job: int, part: BoolArray) -> Placement | None:
        key = job, part.tobytes()
        if key not in self.found:
            try:
                self.found[key] = self.place(job, part)
            except (InfeasibleError, NoPlacementError):
                self.found[key] = None
        return self.found[key]

    def _dealt(self, counts: Mapping[int, Counts]) -> dict[int, BoolArray] | None:
        """GPUs of these counts for all jobs, who may use fewest first; None where pins stand in the way."""
        left, parts = self.ground.free.copy(), {}
        for job in sorted(counts, key=lambda each: (int(self.ground.usable(each).sum()), each)):
            part = self._first(left & self.ground.usable(job), counts[job])
            if int(part.sum()) < sum(counts[job]):
                return None
            left &= ~part
            parts[job] = part
        return parts

    def _first(self, usable: BoolArray, counts: Counts) -> BoolArray:
        """The first GPUs of each node that may be used, as many as counted."""
        gpus = np.flatnonzero(usable)
        node = self.ground.cluster.gpu_node[gpus]
        _, start, held = np.unique(node, return_index=True, return_counts=True)
        index = np.arange(len(gpus)) - np.repeat(start, held)
        part = np.zeros(len(usable), np.bool_)
        part[gpus[index < np.array(counts)[node]]] = True
        return part
