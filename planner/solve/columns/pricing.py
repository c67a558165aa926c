"""Pricing: the cheapest width vector of every size, by a dynamic programme over the stages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.reduction.ladder import Ladder
from planner.solve.reduction.levels import linear_credit
from planner.solve.setup.compiling import InnerLoops, compiled_in_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.control import Control

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

RING_CELLS = 40
LADDER_CELLS = 24
GOOD = 0.9


class Space:
    """Room for the tables of one compiled programme after the other.

    To get it from the system each time takes longer than to fill it.
    """

    def __init__(self) -> None:
        self._held = np.zeros(0)

    def tables(self, shape: tuple[int, int, int]) -> FloatArray:
        """Tables of a shape, in place of those before."""
        size = int(np.prod(shape))
        if len(self._held) < size:
            self._held = np.empty(size)
        return self._held[:size].reshape(shape)


@dataclass(frozen=True, eq=False)
class Sweep:
    """The programme along a path of stages, kept so that vectors can be read back.

    A ring is a path for each width of its first stage, all swept at once.

    Parameters
    ----------
    best
        Least reduced cost with exactly u cells, shape (room + 1,).
    tables
        For each stage the least cost by (path, last width, cells used).
    kept
        Bytes a unit of width keeps home between neighbouring stages, shape (P - 1,).
    block
        The tables of a single path, shape (tables, widths, room + 1), and which of them is that of each
        stage, shape (P,), where compiled code filled them.
    charges
        What u cells cost beside what is in the tables, shape (room + 1,); 0 for nothing.
    """

    best: FloatArray
    tables: tuple[FloatArray, ...]
    kept: FloatArray
    block: tuple[FloatArray, IntArray] | None = None
    charges: FloatArray | float = 0.0

    def charged(self, charges: FloatArray) -> Sweep:
        """The same where u cells cost ``charges[u]`` more, shape (room + 1,)."""
        return replace(self, best=self.best + charges, charges=self.charges + charges)

    def vector(self, used: int) -> IntArray:
        """A width vector that reaches ``best[used]``, shape (P,)."""
        ends = self.tables[-1][..., used]
        path, last = (int(each) for each in np.unravel_index(int(ends.argmin()), ends.shape))
        return self._walk_back(len(self.tables) - 1, path, last, used)

    def ending(self, stage: int, room: int, most: float) -> IntArray | None:
        """The cheapest vector within `room` with nothing after `stage`; None where it costs over `most`."""
        ends = self.tables[stage][:, 1:, : room + 1]
        if isinstance(self.charges, np.ndarray):
            ends = ends + self.charges[: room + 1]
        path, last, used = (int(each) for each in np.unravel_index(int(ends.argmin()), ends.shape))
        return None if ends[path, last, used] > most else self._walk_back(stage, path, last + 1, used)

    def paying(
        self, rent: FloatArray, least: float, last_stages: IntArray | None = None
    ) -> Iterator[IntArray]:
        """For each last stage but the end the vector that costs most below its rent, where by over `least`.

        `rent` is that of every number of cells, shape (room + 1,). Of `last_stages` alone, where given.
        """
        before_end = range(len(self.tables) - 1)
        for stage in (
            before_end if last_stages is None else last_stages[last_stages < before_end.stop].tolist()
        ):
            cost, path, last, used = self._cheapest_ending(self.tables[stage], rent + self.charges)
            if cost < -least:
                yield self._walk_back(stage, path, last, used)

    def _cheapest_ending(self, table: FloatArray, charges: FloatArray) -> tuple[float, int, int, int]:
        """Least cost, path, last width and cells of a table where u cells cost ``charges[u]`` more."""
        if self.block is not None:
            from planner.solve.columns.sweep_kernel import cheapest_ending

            cost, last, used = cheapest_ending(table[0], charges)
            return float(cost), 0, int(last), int(used)
        ends = table[:, 1:, 1:] + charges[1:]
        path, last, used = (int(each) for each in np.unravel_index(int(ends.argmin()), ends.shape))
        return float(ends[path, last, used]), path, last + 1, used + 1

    def _walk_back(self, stage: int, path: int, last: int, used: int) -> IntArray:
        """The vector that ends with width `last` at `stage`, `used` cells in all."""
        widths = np.zeros(len(self.tables), np.int32)
        if self.block is not None:
            from planner.solve.columns.sweep_kernel import walk_back

            walk_back(*self.block, self.kept, stage, last, used, widths)
            return widths
        for place in range(stage, 0, -1):
            if not used:
                return widths
            widths[place] = last
            used -= last
            before = self.tables[place - 1][path, :, used]
            shared = self.kept[place - 1] * np.minimum(np.arange(len(before)), last)
            last = int(np.argmin(before - shared))
        widths[0] = last
        return widths


@dataclass(frozen=True, eq=False)
class Priced:
    """Cheapest reduced cost within every room."""

    programme: Sweep | Ladder
    used: IntArray

    @classmethod
    def of(cls, programme: Sweep | Ladder) -> Priced:
        """Fewest cells that reach the least cost of each room."""
        best = programme.best
        lowest = np.minimum.accumulate(best)
        first = np.concatenate(([True], lowest[1:] < lowest[:-1]))
        used = np.maximum.accumulate(np.where(first, np.arange(len(best)), 0)).astype(np.int32)
        return cls(programme, used)

    def charged(self, charges: FloatArray) -> Priced:
        """The same where u cells cost ``charges[u]`` more, shape (room + 1,)."""
        assert isinstance(self.programme, Sweep)
        return Priced.of(self.programme.charged(charges))

    @property
    def best(self) -> FloatArray:
        """Least reduced cost with exactly u cells, shape (room + 1,)."""
        return self.programme.best

    def within(self, room: int) -> float:
        """Least reduced cost in at most `room`."""
        return float(self.best[self.used[room]])

    def vector(self, room: int) -> IntArray:
        """A width vector that reaches `within`, shape (P,)."""
        return self.programme.vector(int(self.used[room]))

    def good_vectors(self, room: int) -> list[IntArray]:
        """Vectors that are worth having beside the best: for each last stage the best, where it is near."""
        if not isinstance(self.programme, Sweep):
            return []
        most = GOOD * self.within(room)
        stages = range(len(self.programme.tables) - 1)
        found = [self.programme.ending(stage, room, most) for stage in stages]
        return [widths for widths in found if widths is not None]


def price(
    costs: StageCosts, duals: FloatArray, room: int, table: FloatArray, space: Space | None = None
) -> Priced:
    """Minimise ``sum_p table[p, w[p]] - duals . w - shared`` over width vectors within `room`.

    The state is (last width, cells used); prefix minima make a stage cost O(widths x room). A ring
    of stages is solved for every width of its first stage, and a folded pipeline as a ladder, where
    domains are small; beyond, the edges that close the path are relaxed to a linear credit, which
    keeps the result a valid lower bound.

    Parameters
    ----------
    costs
        Gives what neighbours share; `table` replaces its holding costs.
    duals
        Worth of a unit of width of each stage, shape (P,).
    room
        Largest room of interest.
    table
        Holding cost by stage and width, shape (P, widths).
    space
        Where the tables of a path are, in place of those of the one before; it is compiled code then that
        fills them.
    """
    widths = np.arange(table.shape[1])
    reduced = table - duals[:, None] * widths
    if costs.rungs.any() and room <= closed_room(costs):
        return Priced.of(Ladder(reduced, costs, room))
    if room > closed_room(costs):
        reduced -= linear_credit(costs)[:, None] * widths
    elif costs.v_wrap:
        return Priced.of(_ring(reduced, costs, room))
    if space is not None:
        return Priced.of(_compiled_sweep(reduced, costs.v, room, space))
    return Priced.of(_sweep(reduced[0][None], reduced, costs.v, room))


def closed_room(costs: StageCosts) -> int:
    """Largest room for which edges that close a path of stages are priced as they are, not relaxed."""
    if costs.rungs.any():
        return LADDER_CELLS if costs.stages % 2 == 0 else 0
    return RING_CELLS


def _ring(reduced: FloatArray, costs: StageCosts, room: int) -> Sweep:
    """A ring of stages: a path for each width of the first stage, whose seam is credited at the end."""
    widths = np.arange(reduced.shape[1])
    only_one = np.where(np.eye(len(widths), dtype=np.bool_), reduced[0], np.inf)
    seam = costs.v_wrap * np.minimum.outer(widths, widths)
    return _sweep(only_one, reduced, costs.v, room, seam[..., None])


def _sweep(
    first: FloatArray, reduced: FloatArray, kept: FloatArray, room: int, seam: FloatArray | float = 0.0
) -> Sweep:
    """The dynamic programme along paths of stages; `first` has shape (paths, widths)."""
    paths, widths = first.shape
    padded = np.full((paths, widths, widths + room + 1), np.inf)
    path, width, used = padded.strides
    joined = padded[..., widths:]
    # A view of `joined` in which entry (k, w, u) is that of (k, w, u - w), in the padding where w > u.
    moved = np.lib.stride_tricks.as_strided(joined, joined.shape, (path, width - used, used), writeable=False)
    joined[..., 0] = 0.0
    tables = [moved + first[..., None]]
    for stage in range(1, len(reduced)):
        _join(tables[-1], kept[stage - 1], joined)
        tables.append(moved + reduced[stage][:, None])
    tables[-1] = tables[-1] - seam
    return Sweep(tables[-1].min(axis=(0, 1)), tuple(tables), kept)


def _compiled_sweep(reduced: FloatArray, kept: FloatArray, room: int, space: Space) -> Sweep:
    """The programme along a path by compiled code."""
    from planner.solve.columns.sweep_kernel import least_by_cells, sweep

    stages, widths = reduced.shape
    tables, at = space.tables((stages, widths, room + 1)), np.empty(stages, np.int32)
    sweep(reduced, kept, tables, at, np.empty((widths, room + 1)), np.empty(room + 1))
    filled = [tables[each][None] for each in range(at[-1] + 1)]
    return Sweep(least_by_cells(tables[at[-1]]), tuple(filled[each] for each in at), kept, (tables, at))


def sweeps_compiled(control: Control) -> bool:
    """Whether the programme along a path is compiled, or could be in time."""
    return compiled_in_time(SWEEPS, control)


def compile_sweeps() -> None:
    """Sweep over two stages without cells, which has the inner loops compiled."""
    swept = _compiled_sweep(np.zeros((2, 1)), np.zeros(1), 0, Space())
    swept.vector(0)
    list(swept.paying(np.zeros(1), 0.0))


SWEEPS = InnerLoops(compile_sweeps, ("planner.solve.columns.sweep_kernel",))


def _join(table: FloatArray, kept: float, joined: FloatArray) -> None:
    """Least of ``table[b] - kept * min(b, w)`` over b, for every last width w, written to `joined`."""
    credit = kept * np.arange(table.shape[1])[:, None]
    below = np.minimum.accumulate(table - credit, axis=1)
    above = np.minimum.accumulate(table[:, ::-1], axis=1)[:, ::-1]
    np.subtract(above, credit, out=joined)
    np.minimum(joined, below, out=joined)
