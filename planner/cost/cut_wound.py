"""Cutting layers where stages hold several chunks: CP-SAT, aim after aim.

Where chunks end decides everything else: how many layers of each kind a chunk has, and with that its time
and its stage's memory. Times and memory are whole numbers here, a billionth of the largest each.
"""

from __future__ import annotations

from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.loads import CLOSE, Cut
from planner.errors import InternalError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from ortools.sat.python import cp_model

    from planner.cost.loads import Loads

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    Linear = cp_model.LinearExpr | int

UNITS = 10**9
# For each aim. Models whose kinds of layers lie in long runs side by side may not be proven within it.
MOST_WORK_S = 0.5
# As long as no cut that fits is known.
MOST_WORK_FOR_ANY_S = 10.0


def cut_wound(loads: Loads) -> Cut:
    """The best cut, see `planner.cost.cut`, and whether its slowest stage is proven."""
    model = _Model(loads)
    proven = model.settle(model.slowest_stage())
    if model.found is None:
        return Cut(None, proven)
    model.settle(model.slowest_chunk())
    model.settle(model.moved())
    return Cut(model.found, proven)


class _Model:
    """The model, with the aims settled so far as constraints, and the best cut for them."""

    def __init__(self, loads: Loads) -> None:
        from ortools.sat.python import cp_model

        self.loads, self.model, self.solver = loads, cp_model.CpModel(), cp_model.CpSolver()
        # One worker gives the same cut on every machine.
        self.solver.parameters.num_workers = 1
        self.solver.parameters.catch_sigint_signal = False
        self.kinds = range(loads.before.shape[1])
        longest = float((loads.layer_s @ loads.before[-1]).max() + loads.extra_s.sum())
        self.per_s = UNITS / longest if longest else 0.0
        # Equal times of different cuts may differ by what is rounded in each layer and chunk.
        self.rounding = loads.layers + loads.chunks
        self.found = loads.even if self._known_s() < float("inf") else None
        self.sizes = [
            self.model.new_int_var(*loads.span(chunk), f"size {chunk}") for chunk in range(loads.chunks)
        ]
        self.model.add(sum(self.sizes) == loads.layers)
        self.counts = self._counts()
        self.stages = [self._stage(chunks) for chunks in loads.held]
        self._fit()

    def settle(self, aim: Linear) -> bool:
        """Find the least that `aim` can be and hold it there; whether it is proven, or that no cut fits."""
        from ortools.sat.python import cp_model

        known = self.found is not None
        self.model.clear_hints()  # type: ignore[no-untyped-call]
        for size, value in zip(self.sizes, self.found or self.loads.even, strict=True):
            self.model.add_hint(size, value)
        self.model.minimize(aim)
        self.solver.parameters.max_deterministic_time = MOST_WORK_S if known else MOST_WORK_FOR_ANY_S
        status = self.solver.solve(self.model)
        if status == cp_model.UNKNOWN:
            # The work was too much for this aim; what earlier ones found is kept.
            return False
        if status == cp_model.INFEASIBLE and not known:
            return True
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            raise InternalError.of("X001", f"a cut of layers ended as {self.solver.status_name(status)}")
        self.found = tuple(self.solver.value(size) for size in self.sizes)
        self.model.add(aim <= round(self.solver.objective_value) + self.rounding)
        return bool(status == cp_model.OPTIMAL)

    def slowest_stage(self) -> Linear:
        """Seconds of the slowest stage, in units."""
        slowest = self.model.new_int_var(0, 2 * UNITS, "slowest stage")
        for stage, chunks in enumerate(self.loads.held):
            self.model.add(slowest >= sum(self._chunk_s(stage, chunk) for chunk in chunks))
        return slowest

    def slowest_chunk(self) -> Linear:
        """Seconds of the slowest chunk, in units."""
        slowest = self.model.new_int_var(0, 2 * UNITS, "slowest chunk")
        for stage, chunks in enumerate(self.loads.held):
            for chunk in chunks:
                self.model.add(slowest >= self._chunk_s(stage, chunk))
        return slowest

    def moved(self) -> Linear:
        """Layers that chunks have more or fewer than in the even cut."""
        moved = []
        for size, wanted in zip(self.sizes, self.loads.even, strict=True):
            each = self.model.new_int_var(0, self.loads.layers, "")
            self.model.add_abs_equality(each, size - wanted)
            moved.append(each)
        return sum(moved)

    def _counts(self) -> list[list[Linear]]:
        """Layers of each kind in each chunk, from where the chunks end."""
        counts: list[list[Linear]] = []
        until: list[Linear] = [0 for _ in self.kinds]
        end: Linear = 0
        for size, (first, last) in zip(self.sizes, self._reach(), strict=True):
            within = self.loads.before[last] - self.loads.before[first]
            if within.max() == last - first:
                # All that the chunk may hold is of one kind: its size says everything.
                counts.append([size if number else 0 for number in within.tolist()])
                until = [number + more for number, more in zip(until, counts[-1], strict=True)]
                end += size
                continue
            reached = self.model.new_int_var(0, self.loads.layers, "")
            self.model.add(reached == end + size)
            start, until, end = until, self._before(reached), reached
            counts.append([b - a for a, b in zip(start, until, strict=True)])
        return counts

    def _reach(self) -> list[tuple[int, int]]:
        """Where each chunk may start at the earliest and end at the latest."""
        least = np.array([self.loads.span(chunk)[0] for chunk in range(self.loads.chunks)])
        before, after = np.cumsum(least) - least, np.cumsum(least[::-1])[::-1] - least
        return list(zip(before.tolist(), (self.loads.layers - after).tolist(), strict=True))

    def _before(self, end: cp_model.IntVar) -> list[Linear]:
        """Layers of each kind among the first `end` layers."""
        found: list[Linear] = []
        for kind in self.kinds[:-1]:
            counts = self.loads.before[:, kind].tolist()
            number = self.model.new_int_var(0, counts[-1], "")
            self.model.add_element(end, counts, number)
            found.append(number)
        return [*found, end - sum(found)]

    def _stage(self, chunks: tuple[int, ...]) -> list[cp_model.IntVar]:
        """Layers of each kind on a stage."""
        numbers = []
        for kind in self.kinds:
            number = self.model.new_int_var(0, len(chunks) * int(self.loads.before[-1, kind]), "")
            self.model.add(number == sum(self.counts[chunk][kind] for chunk in chunks))
            numbers.append(number)
        return numbers

    def _chunk_s(self, stage: int, chunk: int) -> Linear:
        """Seconds of a chunk on a stage, in units."""
        each = np.round(self.loads.layer_s[stage] * self.per_s).astype(np.int64).tolist()
        extra = round(float(self.loads.extra_s[chunk]) * self.per_s)
        seconds: Linear = extra
        for number, count in zip(each, self.counts[chunk], strict=True):
            seconds += number * count
        return seconds

    def _fit(self) -> None:
        """Every stage within its memory."""
        for numbers, (rows, needed) in zip(self.stages, self._tables(self._known_s()), strict=True):
            if needed.max(initial=0.0) > self.loads.limit_bytes:
                self.model.add_allowed_assignments(numbers, rows[needed <= self.loads.limit_bytes])

    def _known_s(self) -> float:
        """What the even cut's slowest stage takes, where it may be had; infinite otherwise."""
        loads = self.loads
        pinned = all(loads.even[chunk] == size for chunk, size in loads.pinned.items())
        if not pinned or loads.stage_bytes(loads.even).max() > loads.limit_bytes:
            return float("inf")
        return float(loads.chunk_s(loads.even).sum(axis=1).max())

    def _tables(self, slowest_s: float) -> list[tuple[IntArray, FloatArray]]:
        """What each stage can hold of each kind in so much time, and what that needs, for every stage."""
        tables = []
        for stage, chunks in enumerate(self.loads.held):
            seconds = self._every @ self.loads.layer_s[stage] + self.loads.extra_s[list(chunks)].sum()
            rows = self._every[seconds <= slowest_s * (1 + CLOSE)]
            needed = [self.loads.memory_bytes(stage, tuple(row)) for row in rows.tolist()]
            tables.append((rows, np.array(needed)))
        return tables

    @cached_property
    def _every(self) -> IntArray:
        """All numbers of layers of each kind that there could be on a stage."""
        return np.array(list(product(*(range(int(most) + 1) for most in self.loads.before[-1]))))
