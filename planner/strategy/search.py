"""The fastest strategies: those that could still be, in order of a bound, until none could.

A queue holds every strategy by the least that its step can take: first by what all its passes take
(`planner.strategy.bounds`), then with its network and its schedule's formula, at last as simulated.
Whatever comes first in the queue is looked at more closely and put back; once a simulated strategy
comes first, no other is faster. So the whole space is covered, and few of it are simulated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from planner.cost.flops import FlopCount, step_flops
from planner.cost.step import Step
from planner.strategy.bounds import Bounds
from planner.strategy.space import ORDERS, Question, Strategy, sharings, strategies
from planner.workload.memory import memory
from planner.workload.payloads import families

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from planner.cost.step import StepTime
    from planner.strategy.outline import Outline
    from planner.workload.job import DataParallel, Job

# Parts of a GPU's memory at which the fastest is looked for, for the front of time and memory.
BUDGETS = (1.0, 0.75, 0.5, 0.35, 0.25)
# Formulas may be this much above what a simulation gives.
CLOSE = 0.97


@dataclass(frozen=True, order=True)
class Found:
    """A strategy that fits, with its predicted step; orders by time."""

    step_s: float
    memory_bytes: float
    job: Job = field(compare=False)
    time: StepTime = field(compare=False, repr=False)

    def tflops_per_gpu(self, count: FlopCount = FlopCount.CAUSAL) -> float:
        """TFLOP/s of a GPU in use."""
        return step_flops(self.job, count) / self.step_s / self.job.mesh.world_size / 1e12


@dataclass(frozen=True)
class Answer:
    """What a search found.

    Parameters
    ----------
    best
        The fastest strategies, the fastest first.
    front
        Those that no other beats both in time and in memory, the fastest first.
    considered
        Strategies in the space.
    simulated
        Of those, how many had to be simulated.
    """

    best: tuple[Found, ...]
    front: tuple[Found, ...]
    considered: int
    simulated: int


def search(
    question: Question,
    outline: Outline,
    *,
    keep: int = 10,
    progress: Callable[[int, int, float], None] | None = None,
) -> Answer:
    """The `keep` fastest strategies, and the front of time and memory.

    Parameters
    ----------
    progress
        Told now and then how many strategies were looked at, how many there are, and the best time.
    """
    bounds = Bounds(question, outline)
    ordered = sorted((bounds.time_s(each), number, each) for number, each in enumerate(strategies(question)))
    looked = _Looked(question, outline, bounds, progress, len(ordered))
    limit = outline.gpu.memory_bytes or float("inf")
    best = looked.fastest(ordered, limit, keep)
    front = list(best)
    for budget in BUDGETS[1:]:
        front += looked.fastest(ordered, budget * limit, 1)
    return Answer(tuple(best), tuple(pareto(front)), len(ordered), looked.simulated)


def pareto(found: Iterable[Found]) -> list[Found]:
    """Those that no other beats both in time and in memory, the fastest first."""
    kept: list[Found] = []
    for each in sorted(found):
        if not kept or each.memory_bytes < kept[-1].memory_bytes:
            kept.append(each)
    return kept


class _Looked:
    """Simulations made so far."""

    def __init__(
        self,
        question: Question,
        outline: Outline,
        bounds: Bounds,
        progress: Callable[[int, int, float], None] | None,
        total: int,
    ) -> None:
        self.question, self.outline, self.bounds = question, outline, bounds
        self.progress, self.total = progress, total
        self.known: dict[tuple[int, DataParallel], Found] = {}
        self.needs: dict[tuple[int, DataParallel], float] = {}
        self.steps: dict[tuple[int, DataParallel], Step] = {}

    @property
    def simulated(self) -> int:
        """How many simulations were made."""
        return len(self.known)

    def fastest(self, ordered: list[tuple[float, int, Strategy]], limit: float, keep: int) -> list[Found]:
        """The fastest that need at most `limit` bytes, the fastest first."""
        best: list[Found] = []
        # Bound, how closely it was looked at, number; equal bounds come in the order of the space.
        queue: list[tuple[float, int, int, object]] = []
        place = 0
        while len(best) < keep:
            while place < len(ordered) and (not queue or ordered[place][0] <= queue[0][0]):
                bound, number, strategy = ordered[place]
                place += 1
                step = self.fitting(number, strategy, limit)
                if step is not None:
                    heappush(queue, (max(bound, CLOSE * step.least_s), 0, number, step))
            if not queue:
                break
            _, closeness, number, what = heappop(queue)
            if closeness == 0:
                found = self.simulate(number, what)  # type: ignore[arg-type]
                heappush(queue, (found.step_s, 1, number, found))
                if self.progress is not None:
                    self.progress(place, self.total, min(each.step_s for each in self.known.values()))
                continue
            best.append(what)  # type: ignore[arg-type]
        return best

    def fitting(self, number: int, strategy: Strategy, limit: float) -> Step | None:
        """The faster way of data parallelism that fits, ranks in the better order; None where none fits."""
        steps = []
        for way in sharings(self.question):
            if self.bounds.memory_bytes(strategy, way) > limit:
                continue
            key = number, way
            if key not in self.needs:
                job = self.question.job(strategy, ORDERS[0], way)
                self.needs[key] = max(stage.total for stage in memory(job))
            if self.needs[key] <= limit:
                if key not in self.steps:
                    self.steps[key] = self.ordered(strategy, way)
                steps.append(self.steps[key])
        return min(steps, key=lambda step: step.least_s, default=None)

    def ordered(self, strategy: Strategy, way: DataParallel) -> Step:
        """The step in the order of ranks that makes it faster."""
        steps = []
        for order in ORDERS if strategy.pp > 1 else ORDERS[:1]:
            job = self.question.job(strategy, order, way)
            network = {each.name: self.outline.time(each, job.mesh) for each in families(job)}
            steps.append(Step(job, self.outline.gpu, network))
        return min(steps, key=lambda step: step.least_s)

    def simulate(self, number: int, step: Step) -> Found:
        """The strategy with its simulated step."""
        key = number, step.job.data_parallel
        if key not in self.known:
            time = step.time(quick=True)
            self.known[key] = Found(time.step_s, self.needs[key], step.job, time)
        return self.known[key]
