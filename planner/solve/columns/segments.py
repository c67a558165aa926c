"""Segments: a domain's width vector falls apart where it is 0, and f adds up over the parts.

A segment holds cells of consecutive stages, at least one of each. Several segments in one domain cost
no less than the vector they add up to, so that a job is placed best by the best choice of segments
whose sizes can be packed into the domains. That choice needs no variable for a domain, and of the
segments only those whose reduced cost is within what is left between a known placement and the bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.columns.master import CapacityClass
    from planner.solve.reduction.reduction import StageCosts

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Segments:
    """Width vectors without a gap, those nearest to the relaxation first.

    Parameters
    ----------
    widths
        Shape (segments, P).
    cells
        Their sums, shape (segments,).
    bytes_each
        Their f, shape (segments,).
    """

    widths: IntArray
    cells: IntArray
    bytes_each: FloatArray

    @classmethod
    def of(cls, costs: StageCosts, widths: IntArray) -> Segments:
        """Segments with these widths."""
        return cls(widths, widths.sum(axis=1).astype(np.int32), costs.domain_bytes(widths))

    def first(self, count: int, costs: StageCosts, others: IntArray) -> Segments:
        """The first `count` of them, and `others`, whether those are among them or not."""
        return Segments.of(costs, np.unique(np.concatenate((self.widths[:count], others)), axis=0))


@dataclass(frozen=True, eq=False)
class Steps:
    """Ways to fill a domain, segment by segment: from `held` cells, `cells` more; both (steps,)."""

    held: IntArray
    cells: IntArray


@dataclass(frozen=True, eq=False)
class Excess:
    """How far any choice of segments is above a bound, by the worth of what it covers.

    Parameters
    ----------
    bound
        Valid lower bound on the sum of f; no better than that of the relaxation it comes from.
    paid
        What a segment pays at least less its worth, by its cells, shape (room + 1,).
    packed
        The same for the best segments that add up to so many cells, shape (room + 1,).
    """

    bound: float
    paid: FloatArray
    packed: FloatArray
    last: FloatArray

    @classmethod
    def of(cls, paid: FloatArray, classes: Sequence[CapacityClass], covered: float) -> Excess:
        """Take the least reduced costs by size, `paid`, and the worth of all that is covered."""
        room = len(paid) - 1
        packed = np.zeros(room + 1)
        for used in range(1, room + 1):
            packed[used] = (packed[:used][::-1] + paid[1 : used + 1]).min()
        within = np.minimum.accumulate(packed)
        rooms = np.unique([k.capacity for k in classes])
        smallest = rooms[np.searchsorted(rooms, np.arange(room + 1))]
        bound = covered + sum(k.count * float(within[k.capacity]) for k in classes)
        return cls(bound, paid, packed, -within[smallest])

    def steps(self, budget: float) -> Steps:
        """Steps of all packings whose excess is within `budget`."""
        room = len(self.paid) - 1
        rest = self.last.copy()
        for used in range(room - 1, -1, -1):
            rest[used] = min(rest[used], float((self.paid[1 : room - used + 1] + rest[used + 1 :]).min()))
        held, cells = np.meshgrid(np.arange(room), np.arange(1, room + 1), indexing="ij")
        fits = held + cells <= room
        held, cells = held[fits], cells[fits]
        near = self.packed[held] + self.paid[cells] + rest[held + cells] <= budget
        return Steps(held[near].astype(np.int32), cells[near].astype(np.int32))


def nearest_segments(
    costs: StageCosts, worth: FloatArray, excess: Excess, budget: float, most: int
) -> tuple[Segments, bool]:
    """Segments whose reduced cost is within `budget` of the least for their size, and whether all are there.

    Parameters
    ----------
    worth
        Of every width of every stage, shape (P, widest + 1).
    most
        Where there are more, the nearest are returned; on a ring, nearly those.
    """
    sweep = _Sweep(costs, worth, excess, budget, most)
    found = Segments.of(costs, sweep.run())
    return found, sweep.complete


class _Sweep:
    """One sweep over the stages that grows all segments at once.

    A ring of stages is swept twice round; a segment that goes all the way round begins at stage 0.
    """

    def __init__(
        self, costs: StageCosts, worth: FloatArray, excess: Excess, budget: float, most: int
    ) -> None:
        self.stages, self.ring = costs.stages, costs.v_wrap > 0
        self.places = 2 * self.stages - 1 if self.ring else self.stages
        self.wrap = costs.v_wrap
        self.kept = np.append(costs.v, costs.v_wrap)
        widest = worth.shape[1] - 1
        self.pay = costs.holding(widest) - worth
        self.excess, self.budget, self.most = excess, budget, most
        self.complete = True
        self.width = np.arange(widest + 1)
        self.shared = np.minimum.outer(self.width, self.width)
        self.rest = self._completions()

    def _completions(self) -> list[FloatArray]:
        """Least that is still to pay after a place, by last width and cells held."""
        room = len(self.excess.paid) - 1
        # A size that no segment has is no place to end at, however often the ring is gone round.
        least = np.where(np.isfinite(self.excess.paid), -self.excess.paid, np.inf)
        rest: list[FloatArray] = []
        after = np.full((len(self.width), room + 1), np.inf)
        for place in range(self.places - 1, -1, -1):
            kept = self.kept[place % self.stages]
            going = (after[None] - kept * self.shared[:, :, None]).min(axis=1)
            best = np.minimum(going, least)
            rest.append(best)
            after = np.full_like(best, np.inf)
            pay = self.pay[place % self.stages]
            for width in range(1, len(self.width)):
                after[width, : room + 1 - width] = best[width, width:] + pay[width]
        return rest[::-1]

    def run(self) -> IntArray:
        """Widths of the nearest segments, shape (segments, P).

        What is still to pay is known, so that of the segments that go on those are kept which will be
        nearest. On a ring it is known but for what closing the ring saves.
        """
        rows = found = np.zeros((0, self.stages), np.int32)
        spent = above = np.zeros(0)
        for place in range(self.places):
            rows, spent = self._grow(rows, spent, place)
            excess = spent - self._closing(rows, place) - self.excess.paid[rows.sum(axis=1)]
            done = excess <= self.budget
            if place >= self.stages:
                done &= ~rows.all(axis=1)
            found, above = np.concatenate((found, rows[done])), np.concatenate((above, excess[done]))
            nearest = self._nearest(above)
            found, above = found[nearest], above[nearest]
        return found

    def _nearest(self, least: FloatArray) -> NDArray[np.int64]:
        """Places of the least entries, in order; as many as may be kept."""
        self.complete &= len(least) <= self.most
        nearest: NDArray[np.int64] = np.argsort(least, kind="stable")[: self.most]
        return nearest

    def _grow(self, rows: IntArray, spent: FloatArray, place: int) -> tuple[IntArray, FloatArray]:
        """Segments that end at `place`: those that ended just before it, and new ones."""
        stage = place % self.stages
        room = len(self.excess.paid) - 1
        used = rows.sum(axis=1)
        last = rows[:, stage - 1]
        first = place < self.stages
        if first:
            rows = np.concatenate((rows, np.zeros((1, self.stages), np.int32)))
            spent, used, last = np.append(spent, 0.0), np.append(used, 0), np.append(last, 0)
        paid = spent[:, None] + self.pay[stage] - self.kept[stage - 1] * self.shared[last]
        total = used[:, None] + self.width
        rest = np.where(total <= room, self.rest[place][self.width, np.minimum(total, room)], np.inf)
        around = self.wrap * (rows[:, :1] if place else self.width) if self.ring and first else 0.0
        least = paid + rest - around
        fits = least <= self.budget
        fits[:, 0] = False
        fits &= (rows[:, stage] == 0)[:, None]
        parent, width = np.nonzero(fits)
        nearest = self._nearest(least[fits])
        parent, width = parent[nearest], width[nearest]
        grown = rows[parent].copy()
        grown[:, stage] = width
        return grown, paid[parent, width]

    def _closing(self, rows: IntArray, place: int) -> FloatArray:
        """What a segment that reaches from the first stage to the last saves where the ring closes."""
        if not self.ring or place != self.stages - 1:
            return np.zeros(len(rows))
        saved: FloatArray = self.wrap * np.minimum(rows[:, 0], rows[:, -1])
        return saved
