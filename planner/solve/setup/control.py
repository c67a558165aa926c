"""Limits of a run: time, seed, workers, and a way to stop it from outside."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ortools.sat.python import cp_model

T = TypeVar("T")

POLL_S = 0.02
WORK_PER_SECOND = 0.2
# Of searches from below, which solve no relaxations.
BELOW_PER_SECOND = 2.0
LEAST_LIMIT_S = 0.01


@dataclass
class Control:
    """What every part of the solver asks before it goes on.

    Parameters
    ----------
    time_limit_s
        Wall-clock limit of the whole run, from `started`.
    deterministic
        Same input, seed and version give the same answer: searches are limited by work done, never
        by the clock.
    stop
        Set from outside (a signal handler) to end with the incumbent.
    """

    time_limit_s: float
    seed: int = 0
    workers: int | None = None
    deterministic: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.step_ends_s = self.time_limit_s
        self._searched_s = 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.started

    @property
    def clock_s(self) -> float:
        """What limits of single searches are counted by: seconds since the run began.

        Of a deterministic run the work of CP-SAT, in the seconds that it stands for.
        """
        return self._searched_s if self.deterministic else self.elapsed_s

    @property
    def left_s(self) -> float:
        """Seconds left of the step that is going on; endless where the run is limited by work."""
        return float("inf") if self.deterministic else max(0.0, self.step_ends_s - self.elapsed_s)

    @property
    def threads(self) -> int:
        """Threads that may work at a time; those of a deterministic run do not depend on the machine."""
        return self.workers or (1 if self.deterministic else os.cpu_count() or 1)

    @contextmanager
    def step(self, share: float) -> Iterator[None]:
        """Limit what follows to a share of the time that is left."""
        before = self.step_ends_s
        self.step_ends_s = self.elapsed_s + share * max(0.0, before - self.elapsed_s)
        try:
            yield
        finally:
            self.step_ends_s = before

    def limited(self, share: float, items: Iterator[T]) -> Iterator[T]:
        """Limit what makes the items to a share of the time that is left, and not what is done with them."""
        ends_s = self.elapsed_s + share * max(0.0, self.step_ends_s - self.elapsed_s)
        while True:
            before = self.step_ends_s
            self.step_ends_s = min(before, ends_s)
            try:
                item = next(items, None)
            finally:
                self.step_ends_s = before
            if item is None:
                return
            yield item

    @property
    def over(self) -> bool:
        """Whether to end now."""
        return self.stop.is_set() or self.left_s <= 0

    @property
    def spent(self) -> bool:
        """Whether the whole run is to end now, whatever its steps have begun."""
        late = not self.deterministic and self.elapsed_s >= self.time_limit_s
        return self.stop.is_set() or late

    def search(
        self,
        model: cp_model.CpModel,
        limit_s: float,
        relative_gap: float = 0.0,
        *,
        plain: bool = False,
        from_below: bool = False,
    ) -> Search:
        """Run CP-SAT on `model` for at most `limit_s`; a plain search has one worker and no presolve.

        One from below has one worker too, which raises the bound until there is a solution.

        The search runs in a thread of its own so that signals reach the main thread while it works.
        """
        from ortools.sat.python import cp_model

        problem = model.validate()
        if problem:
            raise RuntimeError(f"a model of ours is not valid: {problem}")
        solver = cp_model.CpSolver()
        parameters = solver.parameters
        parameters.random_seed = self.seed
        parameters.catch_sigint_signal = False
        # The presolve of OR-Tools 9.15 can call a feasible model infeasible, and with its dual
        # reductions alone switched off it can call a solution optimal that is not. Without probing
        # too, all models that showed either are solved right, and as fast.
        parameters.keep_all_feasible_solutions_in_presolve = True
        parameters.cp_model_probing_level = 0
        parameters.relative_gap_limit = relative_gap
        parameters.cp_model_presolve = not plain
        parameters.num_workers = 1 if plain or from_below else self.threads
        parameters.optimize_with_core = from_below
        if from_below:
            parameters.linearization_level = 0
            parameters.core_minimization_level = 1
        per_second = BELOW_PER_SECOND if from_below else WORK_PER_SECOND
        if self.deterministic:
            # One worker repeats itself; several do so only in turns, which is slower on few cores.
            parameters.interleave_search = parameters.num_workers > 1
            parameters.max_deterministic_time = max(LEAST_LIMIT_S, limit_s) * per_second
        else:
            parameters.max_time_in_seconds = max(LEAST_LIMIT_S, min(limit_s, self.left_s))
        search = Search(solver, self._run(solver, model))
        self._searched_s += solver.response_proto.deterministic_time / per_second
        return search

    def _run(self, solver: cp_model.CpSolver, model: cp_model.CpModel) -> int:
        outcome: list[int] = []
        failures: list[BaseException] = []
        done = threading.Event()

        def work() -> None:
            try:
                outcome.append(int(solver.solve(model)))
            except BaseException as failure:  # noqa: BLE001 - re-raised in the calling thread
                failures.append(failure)
            finally:
                done.set()

        threading.Thread(target=work, daemon=True).start()
        while not done.wait(POLL_S):
            if self.stop.is_set():
                solver.stop_search()
        if failures:
            raise failures[0]
        return outcome[0]


@dataclass(frozen=True)
class Search:
    """A finished CP-SAT search."""

    solver: cp_model.CpSolver
    outcome: int

    @property
    def found(self) -> bool:
        """Whether there is a solution."""
        from ortools.sat.python import cp_model

        return self.outcome in (cp_model.OPTIMAL, cp_model.FEASIBLE)

    @property
    def proven(self) -> bool:
        """Whether the solution is optimal."""
        from ortools.sat.python import cp_model

        return self.outcome == cp_model.OPTIMAL

    @property
    def infeasible(self) -> bool:
        """Whether it is proven that there is no solution."""
        from ortools.sat.python import cp_model

        return self.outcome == cp_model.INFEASIBLE
