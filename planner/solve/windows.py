"""Improve pieces a window of stages at a time: what lies inside is packed again, exactly.

A long pipeline makes the integer model hard, and cutting it in two costs bytes at the cut. Windows that
overlap do not: each is small enough to be solved to its end, and together they reach everywhere.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.master import CapacityClass
from planner.solve.packing import met, pack
from planner.solve.residual import Piece, pieces_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.solve.control import Control
    from planner.solve.reduction import StageCosts

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

LENGTHS = (6, 10, 16, 20)
MOST_DOMAINS = 160
WINDOW_SECONDS = 1.0
MOST_SPARE = 4


def improve(
    costs: StageCosts,
    classes: Sequence[CapacityClass],
    pieces: list[Piece],
    bound: float,
    control: Control,
    limit_s: float,
) -> list[Piece]:
    """Pack windows again until the bound is met, no window gains any more, or `limit_s` is spent."""
    state = _Domains(costs, classes, pieces)
    started = control.clock_s
    for window in _windows(costs, np.random.default_rng(control.seed)):
        spent = control.clock_s - started
        if met(costs, state.bytes, bound) or spent >= limit_s or control.over:
            break
        state.pack_again(window, control, min(WINDOW_SECONDS, limit_s - spent))
    return state.pieces()


def _windows(costs: StageCosts, random: np.random.Generator) -> Iterator[IntArray]:
    """Runs of stages: of every length, half overlapping, in random order."""
    windows = []
    for length in LENGTHS:
        if length >= costs.stages:
            continue
        last = costs.stages if costs.v_wrap else costs.stages - length + 1
        starts = {*range(0, last, max(1, length // 2)), last - 1}
        windows += [np.arange(start, start + length) % costs.stages for start in sorted(starts)]
    for index in random.permutation(len(windows)):
        yield windows[index].astype(np.int32)


class _Domains:
    """The width vector of every domain in use."""

    def __init__(self, costs: StageCosts, classes: Sequence[CapacityClass], pieces: Sequence[Piece]) -> None:
        self.costs, self.classes = costs, classes
        used = [piece for piece in pieces if piece.widths.any()]
        self.kinds = np.repeat([p.kind for p in used], [p.count for p in used])
        self.rows = np.repeat(np.stack([p.widths for p in used]), [p.count for p in used], axis=0)

    @property
    def bytes(self) -> float:
        """Sum of f."""
        return float(self.costs.domain_bytes(self.rows).sum())

    def pieces(self) -> list[Piece]:
        """All domains in use."""
        return [Piece(int(kind), row, 1) for kind, row in zip(self.kinds, self.rows, strict=True)]

    def pack_again(self, window: IntArray, control: Control, limit_s: float) -> None:
        """Pack the domains whose cells all lie in the window, and some that are empty."""
        outside = np.ones(self.costs.stages, np.bool_)
        outside[window] = False
        inside = np.flatnonzero(~self.rows[:, outside].any(axis=1))[:MOST_DOMAINS]
        if len(inside) < 2:
            return
        used, freed = Counter(self.kinds.tolist()), Counter(self.kinds[inside].tolist())
        count = [freed[kind] + min(MOST_SPARE, k.count - used[kind]) for kind, k in enumerate(self.classes)]
        kinds = [kind for kind, n in enumerate(count) if n]
        rows = self.rows[inside][:, window]
        costs = self.costs.of_run(int(window[0]), len(window))
        known = [
            Piece(kinds.index(kind), row, 1)
            for kind, row in zip(self.kinds[inside].tolist(), rows, strict=True)
        ]
        classes = [CapacityClass(self.classes[kind].capacity, count[kind]) for kind in kinds]
        coverage = rows.sum(axis=0).astype(np.int32)
        packed = pack(costs, classes, coverage, known, control, limit_s)
        if pieces_bytes(costs, packed.pieces) >= pieces_bytes(costs, known):
            return
        better = [(kinds[p.kind], p.widths) for p in packed.pieces for _ in range(p.count) if p.widths.any()]
        wide = np.zeros((len(better), self.costs.stages), np.int32)
        wide[:, window] = np.stack([widths for _, widths in better])
        self.rows = np.concatenate((np.delete(self.rows, inside, axis=0), wide))
        self.kinds = np.concatenate((np.delete(self.kinds, inside), [kind for kind, _ in better]))
