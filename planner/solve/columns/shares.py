"""The relaxation in which every stage is shared out in whole numbers, and sizes are packed into rooms.

Where replicas are few, a linear programme over width vectors cheats by taking fractions of them: of seven
cells it puts seven sixths of a domain of six. Here the widths in which a stage is held are a mixture of its
*shares*, ways to write its cells as a sum of widths, each of which is whole. Shares are columns as vectors
are; the pricing of vectors stays as it is, for it reads what a width is worth from a table, and a share is
priced by a knapsack.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.columns.linear import LinearProgramme
from planner.solve.columns.pricing import Sweep, price
from planner.solve.columns.segments import Excess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from planner.solve.columns.master import CapacityClass
    from planner.solve.columns.pricing import Priced
    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.control import Control

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

MAX_ROUNDS, ROUNDS_PER_SECOND = 100, 20
MOST_ROWS = 1_200
MOST_CELLS = 500
TOLERANCE = 1e-6
NEW = 1e-7
MISSING, ANY_RENT = 1e3, 1e6
INFINITY = float("inf")
# Of deterministic runs, which nobody's clock ends: see `LinearProgramme.work`.
MOST_WORK = 8_000_000
# Prices are looked for between those of the programme and the best so far, nearer to these.
STEADY = 0.5


def cheapest_shares(worth: FloatArray, most: int) -> tuple[FloatArray, IntArray]:
    """Least worth of any widths that add up to n cells, for every stage and n, and one of those widths.

    Both have shape (P, most + 1); `worth` has shape (P, widest + 1).
    """
    stages, widest = len(worth), worth.shape[1] - 1
    least, last = np.full((stages, most + 1), np.inf), np.zeros((stages, most + 1), np.int32)
    least[:, 0] = 0.0
    for cells in range(1, most + 1):
        widths = np.arange(1, min(cells, widest) + 1)
        each = least[:, cells - widths] + worth[:, widths]
        chosen = each.argmin(axis=1)
        least[:, cells], last[:, cells] = each[np.arange(stages), chosen], widths[chosen]
    return least, last


@dataclass(frozen=True, eq=False)
class SharedOut:
    """What the relaxation over shares found.

    Parameters
    ----------
    worth
        Of every width of every stage, shape (P, widest + 1).
    covered
        Least worth of any way to share out all stages.
    excess
        How far vectors are above the bound that these imply.
    """

    worth: FloatArray
    covered: float
    excess: Excess

    @property
    def bound(self) -> float:
        """Valid lower bound on the sum of f over all domains, cells kept whole."""
        return self.excess.bound


def fits_shares(classes: Sequence[CapacityClass], coverage: IntArray) -> bool:
    """Whether the programme is small enough."""
    widest = min(max(k.capacity for k in classes), int(coverage.max()))
    return len(coverage) * widest <= MOST_ROWS and int(coverage.max()) <= MOST_CELLS


def share_out_stages(
    costs: StageCosts,
    classes: Sequence[CapacityClass],
    coverage: IntArray,
    control: Control,
    limit_s: float,
    start: FloatArray | None = None,
) -> SharedOut | None:
    """Solve the relaxation over shares, as far as the time goes; None where not even a bound is found.

    A deterministic run, whose clock stands still meanwhile, gets a number of rounds for its time.

    Parameters
    ----------
    start
        What widths are worth in a weaker relaxation, shape (P, widest + 1): the bound is at least as good
        as what that implies.
    """
    programme = ShareProgramme(costs, classes, coverage)
    if start is not None:
        programme.price_at(start)
    ends_s = control.clock_s + limit_s

    def over() -> bool:
        worked = control.deterministic and programme.linear.work > MOST_WORK
        return worked or control.over or control.clock_s >= ends_s

    rounds = min(MAX_ROUNDS, 1 + limit_s * ROUNDS_PER_SECOND) if control.deterministic else MAX_ROUNDS
    for _ in range(int(rounds)):
        if over() or not programme.improve(over):
            break
    return programme.best


class ShareProgramme:
    """The restricted master programme; each method adds a family of rows or columns.

    A column is a width vector of exactly so many cells. Vectors of every size are packed into domains by
    a flow through the numbers of cells held, as in `planner.solve.columns.packing`.
    """

    def __init__(self, costs: StageCosts, classes: Sequence[CapacityClass], coverage: IntArray) -> None:
        self.costs, self.classes, self.coverage = costs, classes, coverage
        self.room = max(k.capacity for k in classes)
        self.widest = min(self.room, int(coverage.max()))
        self.holding = costs.holding(self.widest)
        self.unit = (
            max(float(np.abs(self.holding).max()), float(costs.v.max(initial=0.0)), costs.v_wrap) or 1.0
        )
        self.best: SharedOut | None = None
        self.linear = LinearProgramme()
        self.held = np.asarray(
            [[self.linear.add_row(0.0, 0.0) for _ in range(self.widest)] for _ in range(costs.stages)]
        )
        self.one_share = [self.linear.add_row(1.0, 1.0) for _ in range(costs.stages)]
        self.size = [self.linear.add_row(0.0, 0.0) for _ in range(self.room)]
        self.vectors: set[bytes] = set()
        self.shares: set[tuple[int, bytes]] = set()
        self.pack()
        self.begin()

    def pack(self) -> None:
        """Vectors of every size are steps in filling domains, and those fit."""
        node = [self.linear.add_row(0.0, 0.0) for _ in range(self.room)]
        for held in range(self.room):
            begun = [(node[held - 1], 1.0)] if held else []
            for cells in range(1, self.room - held + 1):
                self._column(0.0, [(self.size[cells - 1], -1.0), (node[held + cells - 1], -1.0), *begun])
        rooms = np.unique([0, *(k.capacity for k in self.classes)]).tolist()
        larger = {
            room: self.linear.add_row(
                -INFINITY, float(sum(k.count for k in self.classes if k.capacity > room))
            )
            for room in rooms[:-1]
        }
        for cells in range(1, self.room + 1):
            into = [(row, 1.0) for room, row in larger.items() if cells > room]
            self._column(0.0, [(node[cells - 1], 1.0), *into])
        for row in larger.values():
            self._column(MISSING, [(row, -1.0)])

    def begin(self) -> None:
        """Vectors of one stage, and shares of equal widths: they always fit together."""
        for stage, cells in enumerate(self.coverage.tolist()):
            for width in range(1, min(self.widest, cells) + 1):
                widths = np.zeros(self.costs.stages, np.int32)
                widths[stage] = width
                self.add_vector(widths)
                times, rest = divmod(cells, width)
                self.add_share(stage, [width] * times + [rest] * (rest > 0))
            if not cells:
                self.add_share(stage, [])

    def _column(self, cost: float, entries: Sequence[tuple[int, float]]) -> None:
        rows, values = zip(*entries, strict=True)
        self.linear.add_column(cost, rows, values)

    def add_vector(self, widths: IntArray) -> bool:
        """Add a width vector; False where it is known already."""
        if widths.tobytes() in self.vectors:
            return False
        self.vectors.add(widths.tobytes())
        rows = [(self.held[stage][widths[stage] - 1], 1.0) for stage in np.flatnonzero(widths).tolist()]
        rows.append((self.size[int(widths.sum()) - 1], 1.0))
        self._column(float(self.costs.domain_bytes(widths[None])[0]) / self.unit, rows)
        return True

    def add_share(self, stage: int, widths: Sequence[int]) -> bool:
        """Add a way to share out a stage; False where it is known already."""
        times = np.bincount(np.asarray(widths, np.int64), minlength=self.widest + 1)
        key = stage, times.tobytes()
        if key in self.shares:
            return False
        self.shares.add(key)
        rows = [(self.held[stage][width - 1], -float(times[width])) for width in np.flatnonzero(times)]
        self._column(0.0, [(self.one_share[stage], 1.0), *rows])
        return True

    def improve(self, ended: Callable[[], bool]) -> bool:
        """Solve, take the bound that the duals imply, and add what they call for; False where nothing is.

        Nor is there once `ended` says so.
        """
        if not self.linear.solve(ended):
            return False
        value, duals = self.linear.value * self.unit, self.linear.duals * self.unit
        worth = np.zeros((self.costs.stages, self.widest + 1))
        worth[:, 1:] = duals[self.held]
        rent = np.asarray([0.0, *-duals[self.size]])
        enough = duals[self.one_share]
        fresh = False
        if self.best is not None:
            fresh = self.price_at(STEADY * self.best.worth + (1 - STEADY) * worth, rent, enough)
        fresh = fresh or self.price_at(worth, rent, enough)
        assert self.best is not None
        return fresh and value - self.best.bound > TOLERANCE * self.unit

    def price_at(
        self, worth: FloatArray, rent: FloatArray | None = None, enough: FloatArray | None = None
    ) -> bool:
        """Take the bound that widths worth so much imply, and what they call for; whether any is new.

        Of vectors those that cost less than their rent, by cells, and of shares those that are worth less
        than `enough`, by stage; the best of every size and stage where these are not given.
        """
        priced = price(self.costs, np.zeros(self.costs.stages), self.room, self.holding - worth)
        least, last = cheapest_shares(worth, int(self.coverage.max()))
        share = least[np.arange(self.costs.stages), self.coverage]
        covered = float(share.sum())
        self._take(SharedOut(worth, covered, Excess.of(priced.best, self.classes, covered)))
        rent = np.full(self.room + 1, -ANY_RENT * self.unit) if rent is None else rent
        short = (
            range(self.costs.stages) if enough is None else np.flatnonzero(share < enough - NEW * self.unit)
        )
        fresh = [self.add_vector(widths) for widths in self._paying(priced, rent)]
        fresh += [
            self.add_share(stage, _read_back(last[stage], int(self.coverage[stage])))
            for stage in map(int, short)
        ]
        return any(fresh)

    def _take(self, found: SharedOut) -> None:
        """Keep what bounds best."""
        if self.best is None or found.bound > self.best.bound:
            self.best = found

    def _paying(self, priced: Priced, rent: FloatArray) -> Iterator[IntArray]:
        """The vector of every size that pays less than its rent, and such vectors for every last stage."""
        short = priced.best[1:] + rent[1:]
        for cells in np.flatnonzero(short < -NEW * self.unit).tolist():
            yield priced.programme.vector(cells + 1)
        if isinstance(priced.programme, Sweep):
            yield from priced.programme.paying(rent, NEW * self.unit)


def _read_back(last: IntArray, cells: int) -> list[int]:
    """The widths of the cheapest share of so many cells."""
    widths = []
    while cells:
        widths.append(int(last[cells]))
        cells -= widths[-1]
    return widths
