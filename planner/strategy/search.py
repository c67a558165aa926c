"""The fastest strategies: those that could still be, in order of a bound, until none could.

All strategies have a bound on what their step takes (`planner.strategy.bounds`). They are simulated in
the order of it, until as many as wanted are faster than the bound of all that are left. So the whole space
is covered, and little of it is simulated. In a large space a few of its strategies come first, so that a
search that ends while bounds are made has something to show.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.flops import FlopCount, step_flops
from planner.strategy.bounds import Bounds
from planner.strategy.measure import Candidate, step_of
from planner.strategy.pool import LocalPool
from planner.strategy.record import Record
from planner.strategy.space import ORDERS
from planner.strategy.watch import StoppedError, Watch

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from planner.cost.step import StepTime
    from planner.strategy.outline import Outline
    from planner.strategy.pool import Pool
    from planner.strategy.space import Question
    from planner.strategy.watch import Told
    from planner.workload.job import Job

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    # Told how many were simulated, how many there may be at the most, and the best step so far.
    Progress = Callable[[int, int, float], None]

# The front of time and memory ends at steps so many times the fastest, or at so many strategies.
SLOWEST_OF_FRONT, MOST_FRONT = 2.0, 100
# Bounds of so many strategies take seconds; before, so many of those from all over the space get theirs, and
# of them so many are simulated, so that there is an answer from early on.
LARGE, GLANCED_AT, OF_THOSE = 50_000, 128, 8
# Simulated at a time: few at first, as each may show that the next need not be.
FIRST_ROUND, LARGEST_ROUND, ROUND_FOR_EACH = 16, 256, 4


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
        Of those, in each way of data parallelism and order of ranks, how many had to be simulated.
    complete
        Whether no other is faster; not so where the search was stopped.
    front_complete
        Whether the front has all up to `SLOWEST_OF_FRONT` times the fastest step; not so where the search
        was stopped, or found `MOST_FRONT`.
    """

    best: tuple[Found, ...]
    front: tuple[Found, ...]
    considered: int
    simulated: int
    complete: bool = True
    front_complete: bool = True


def search(
    question: Question,
    outline: Outline,
    *,
    keep: int = 10,
    front: bool = True,
    pool: Pool | None = None,
    record: Record | None = None,
    told: Told | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Answer:
    """The `keep` fastest strategies, and the front of time and memory.

    Parameters
    ----------
    front
        Whether to look for what is fastest in less memory, too.
    pool
        Who simulates; this machine where not given.
    record
        What is known already, and learns what is simulated.
    told
        Hears how far the bounds have come, and how many of the front there are.
    progress
        Hears how far the search for the fastest has come, once there are bounds.
    stop
        Ends the search with what it has, once set; where that is nothing, with what the bound is least of.

    Raises
    ------
    StoppedError
        Where `stop` was set before there were bounds, and nothing had been simulated.
    """
    with LocalPool(question, outline, stop=stop) as here:
        looked = _Looked(question, outline, pool or here, record or Record(), Watch(stop, told))
        try:
            looked.make_bounds()
            best = looked.fastest(keep, progress=progress) or looked.likeliest()
        except StoppedError:
            best = looked.known(keep)
            if not best:
                raise
        frugal, whole = looked.front() if front else (best, False)
    found = {flat: looked.found(flat) for flat in {*best, *frugal}}
    return Answer(
        tuple(found[flat] for flat in best),
        tuple(pareto(found[flat] for flat in frugal or best)),
        len(looked.bounds.columns),
        len(looked.record.measured),
        not looked.stopped,
        whole,
    )


def pareto(found: Iterable[Found]) -> list[Found]:
    """Those that no other beats both in time and in memory, the fastest first."""
    kept: list[Found] = []
    for each in sorted(found):
        if not kept or each.memory_bytes < kept[-1].memory_bytes:
            kept.append(each)
    return kept


def _in_order(bounds: FloatArray) -> IntArray:
    """Places of all finite bounds, the least first."""
    flat = bounds.ravel()
    order: IntArray = np.argsort(flat, kind="stable")[: int(np.isfinite(flat).sum())]
    return order


class _Looked:
    """Simulations made so far, by the place of a candidate among all, of shape (ways, orders, strategies).

    Until there are bounds nothing is `ordered` by them.
    """

    def __init__(
        self,
        question: Question,
        outline: Outline,
        pool: Pool,
        record: Record,
        watch: Watch,
    ) -> None:
        self.question, self.outline, self.pool = question, outline, pool
        self.told, self.stop = watch.told, watch.stop
        self.bounds = Bounds(question, outline, watch)
        self.record = record
        self.ordered: IntArray = np.zeros(0, np.int64)
        self.memory_bytes: FloatArray = np.zeros(0)

    @property
    def stopped(self) -> bool:
        """Whether the search was told to end."""
        return self.stop is not None and self.stop.is_set()

    def fastest(
        self,
        keep: int,
        limit: float = float("inf"),
        slowest_s: float = float("inf"),
        progress: Progress | None = None,
    ) -> list[int]:
        """The fastest that fit and need at most `limit` bytes, each of another strategy, the fastest first.

        None of a step longer than `slowest_s`.
        """
        fitting = self.ordered[self.memory_bytes <= limit]
        bounds = self.bounds.time_s.ravel()[fitting]
        best: dict[int, tuple[float, int]] = {}
        self._take(best, list(self.record.measured), limit)
        place, size = 0, min(FIRST_ROUND, ROUND_FOR_EACH * keep)
        while not self.stopped:
            last_s = min(self._last_of(best, keep), slowest_s)
            ahead = int(np.searchsorted(bounds, last_s, side="right"))
            following = fitting[place : min(ahead, place + size)].tolist()
            if not following:
                break
            self._measure(following)
            self._take(best, following, limit)
            place, size = place + len(following), min(2 * size, LARGEST_ROUND)
            if progress is not None and best:
                progress(place, max(place, ahead), min(step for step, _ in best.values()))
        return [flat for step, flat in sorted(best.values())[:keep] if step <= slowest_s]

    def make_bounds(self) -> None:
        """Put what may fit in the order of its bounds; in a large space a few are simulated before."""
        if len(self.bounds.columns) > LARGE:
            few = _in_order(self.bounds.time_of(self.bounds.some(GLANCED_AT)))
            self._measure(few[:OF_THOSE].tolist())
        self.ordered = _in_order(self.bounds.time_s)
        way, _, row = self._parts(self.ordered)
        self.memory_bytes = self.bounds.memory_bytes[way, row]

    def known(self, keep: int) -> list[int]:
        """The fastest of what is simulated already, each of another strategy, the fastest first.

        Raises
        ------
        StoppedError
            Where the search was stopped before its space was there.
        """
        best: dict[int, tuple[float, int]] = {}
        self._take(best, list(self.record.measured), float("inf"))
        return [flat for _, flat in sorted(best.values())[:keep]]

    def likeliest(self) -> list[int]:
        """That of the least bound that fits, alone; nothing where none does."""
        best: dict[int, tuple[float, int]] = {}
        for flat in self.ordered.tolist():
            self._measure([flat])
            self._take(best, [flat], float("inf"))
            if best:
                return [flat]
        return []

    def front(self) -> tuple[list[int], bool]:
        """Those that no other beats both in time and in memory, and whether these are all.

        After each the fastest that needs less memory follows, until steps are too long.
        """
        found: list[int] = []
        limit = slowest_s = float("inf")
        while not self.stopped and len(found) < MOST_FRONT:
            if self.told is not None:
                self.told("front of time and memory", len(found), None)
            following = self.fastest(1, limit, slowest_s)
            if not following:
                return found, not self.stopped
            found += following
            step_s, memory_bytes = self.record.measured[following[0]]
            limit = float(np.nextafter(memory_bytes, 0))
            slowest_s = min(slowest_s, SLOWEST_OF_FRONT * step_s)
        return found, False

    def _last_of(self, best: dict[int, tuple[float, int]], keep: int) -> float:
        """Seconds of the slowest strategy that is wanted, as far as known."""
        steps = sorted(step for step, _ in best.values())
        return steps[keep - 1] if len(steps) >= keep else float("inf")

    def _measure(self, flats: list[int]) -> None:
        """Simulate those that are not known yet; only the first of them where the search is stopped."""
        new = [flat for flat in flats if flat not in self.record.measured]
        found = self.pool.measure([self.candidate(flat) for flat in new])
        self.record.add(dict(zip(new, found, strict=False)))

    def _take(self, best: dict[int, tuple[float, int]], flats: list[int], limit: float) -> None:
        """Keep of each strategy the fastest candidate that was simulated and fits."""
        for flat in flats:
            if flat not in self.record.measured:
                continue
            found, row = self.record.measured[flat], int(self._parts(np.array(flat))[2])
            if found.memory_bytes <= min(limit, float(self.bounds.limit_bytes[row])):
                best[row] = min(best.get(row, (float("inf"), flat)), (found.step_s, flat))

    def _parts(self, flat: IntArray) -> tuple[IntArray, ...]:
        """Way, order and strategy of candidates."""
        return np.unravel_index(flat, self.bounds.shape)

    def candidate(self, flat: int) -> Candidate:
        """The candidate at a place."""
        way, order, row = (int(part) for part in self._parts(np.array(flat)))
        return Candidate(self.bounds.columns.rows[row], self.bounds.ways[way], ORDERS[order])

    def found(self, flat: int) -> Found:
        """A candidate with all that is known of its step."""
        job = self.candidate(flat).job(self.question)
        time = step_of(job, self.outline).time(quick=True)
        return Found(time.step_s, self.record.measured[flat].memory_bytes, job, time)
