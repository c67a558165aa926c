"""The best way in which domains can change places inside the domain that is around them.

When what jobs have in two domains side by side changes places, nothing that crosses any tier for these
jobs changes: tiers are nested, and only which ranks lie together matters. So each job keeps its J, and what
flows and shared bytes cost is the least over an assignment in each domain of each tier. With C_t(x, y) the
price of a content x in a place y, everything inside counted, and its own price at tier t,

    C_t(x, y)  =  own  +  least, over ways to put what is in x into what is in y, of the sum of C_(t-1)

an assignment problem, which OR-Tools solves by cost scaling (Goldberg and Kennedy 1995). Contents that are
alike inside and out are one, as are places, so that of 220,032 GPUs few different pairs are left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from ortools.graph.python import linear_sum_assignment

from planner.fleet.sides import Sides, different

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

NOTHING = -1
# Prices are told apart by so many parts of the span between them.
PARTS = 2.0**40
MOST_PAIRS = 50_000


class OutOfTimeError(Exception):
    """The search ended before anything was found, since time was over or there were too many pairs."""


@dataclass(frozen=True, eq=False)
class Level:
    """One tier, contents and places told apart by what is inside them as well.

    Parameters
    ----------
    content_of, place_of
        Number of the content and the place of each domain; -1 for no content.
    own_s
        Price of a content in a place at this tier alone, by their numbers; the last row is that of nothing.
    contents_in, places_in
        For each content, and each place, those of the tier inside it, ascending.
    """

    content_of: IntArray
    place_of: IntArray
    own_s: FloatArray
    contents_in: list[IntArray]
    places_in: list[IntArray]


def levels_of(sides: Sides) -> list[Level]:
    """All tiers, innermost first."""
    cluster = sides.ground.cluster
    levels: list[Level] = []
    for tier, side in enumerate(sides.tiers()):
        inside = levels[-1] if levels else None
        parent = cluster.tiers[tier - 1].parent if tier else None
        ends = []
        for own, within in (
            (side.content_of, None if inside is None else inside.content_of),
            (side.place_of, None if inside is None else inside.place_of),
        ):
            kept = np.flatnonzero(own != NOTHING)
            held = _gathered(within, parent, len(own))
            first, number = different(own[kept, None], held[kept])
            every = np.full(len(own), NOTHING)
            every[kept] = number
            ends.append((every, own[kept[first]], [row[row != NOTHING] for row in held[kept[first]]]))
        (content_of, content, contents_in), (place_of, place, places_in) = ends
        own_s = side.seconds[np.ix_(np.append(content, NOTHING), place)]
        levels.append(Level(content_of, place_of, own_s, contents_in, places_in))
    return levels


def _gathered(within: IntArray | None, parent: NDArray[np.int32] | None, domains: int) -> IntArray:
    """What each domain has inside, ascending and filled up with -1, shape (domains, most inside)."""
    if within is None or parent is None:
        return np.zeros((domains, 0), np.int64)
    order = np.lexsort((within, parent))
    around = parent[order]
    start = np.searchsorted(around, np.arange(domains))
    index = np.arange(len(order)) - start[around]
    held = np.full((domains, int(index.max()) + 1), NOTHING)
    held[around, index] = within[order]
    return held


@dataclass(eq=False)
class Relabelling:
    """Finds the cheapest places of all contents.

    Parameters
    ----------
    sides
        Prices.
    over
        Whether to give up.
    """

    sides: Sides
    over: Callable[[], bool]
    found: dict[tuple[int, int, int], tuple[float, IntArray | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.levels = levels_of(self.sides)
        self.stay_s = self._staying()

    @property
    def saved_s(self) -> float:
        """Seconds of F that the cheapest places save; raises `OutOfTimeError`."""
        last = self.levels[-1]
        return float(self.stay_s[-1][0]) - self.price(len(self.levels) - 1, int(last.content_of[0]), 0)

    def price(self, tier: int, content: int, place: int) -> float:
        """Least seconds of a content in a place, everything inside counted."""
        return self._solved(tier, content, place)[0]

    def moves(self) -> Iterator[tuple[int, int]]:
        """Nodes whose contents move, and where to; raises `OutOfTimeError`."""
        yield from self._moves(len(self.levels) - 1, 0, 0)

    def _staying(self) -> list[FloatArray]:
        """Seconds of each domain of each tier as it is, everything inside counted."""
        found: list[FloatArray] = []
        for tier, level in enumerate(self.levels):
            own = level.own_s[level.content_of, level.place_of]
            if tier:
                parent = self.sides.ground.cluster.tiers[tier - 1].parent
                own = own + np.bincount(parent, found[-1], minlength=len(own))
            found.append(own)
        return found

    def _solved(self, tier: int, content: int, place: int) -> tuple[float, IntArray | None]:
        """The price, and which of the places inside each of the contents inside gets, nothings after them."""
        key = tier, content, place
        if key not in self.found:
            if self.over() or len(self.found) >= MOST_PAIRS:
                raise OutOfTimeError
            self.found[key] = self._solve(tier, content, place)
        return self.found[key]

    def _solve(self, tier: int, content: int, place: int) -> tuple[float, IntArray | None]:
        level = self.levels[tier]
        own = float(level.own_s[content, place])
        if not tier or own == np.inf:
            return own, None
        places = level.places_in[place]
        contents = self._inside(tier, content, len(places))
        if len(contents) > len(places):
            return np.inf, None
        prices = self._prices(tier - 1, contents, places)
        chosen = assigned(prices)
        if chosen is None:
            return np.inf, None
        return own + float(prices[np.arange(len(chosen)), chosen].sum()), chosen

    def _inside(self, tier: int, content: int, places: int) -> IntArray:
        """The contents in a content, and nothings for the places that are left."""
        inside = self.levels[tier].contents_in[content] if content != NOTHING else np.zeros(0, np.int64)
        return np.concatenate([inside, np.full(max(0, places - len(inside)), NOTHING)])

    def _prices(self, tier: int, contents: IntArray, places: IntArray) -> FloatArray:
        """Prices of contents in places, worked out once for all that are alike."""
        rows, row = np.unique(contents, return_inverse=True)
        columns, column = np.unique(places, return_inverse=True)
        each = [[self.price(tier, x, y) for y in columns.tolist()] for x in rows.tolist()]
        return np.array(each)[np.ix_(row, column)]

    def _moves(self, tier: int, here: int, there: int) -> Iterator[tuple[int, int]]:
        """The moves that put the content of the domain `here` into the domain `there`."""
        level = self.levels[tier]
        content, place = int(level.content_of[here]), int(level.place_of[there])
        if content == NOTHING or (here == there and self._may_stay(tier, here)):
            return
        if not tier:
            yield here, there
            return
        chosen = self._solved(tier, content, place)[1]
        assert chosen is not None
        inside = self._ordered(tier, here, self.levels[tier - 1].content_of)
        around = self._ordered(tier, there, self.levels[tier - 1].place_of)
        inside = inside[self.levels[tier - 1].content_of[inside] != NOTHING]
        for one, other in zip(inside.tolist(), around[chosen[: len(inside)]].tolist(), strict=True):
            yield from self._moves(tier - 1, one, other)

    def _may_stay(self, tier: int, domain: int) -> bool:
        level = self.levels[tier]
        least = self.price(tier, int(level.content_of[domain]), int(level.place_of[domain]))
        stays = float(self.stay_s[tier][domain])
        return stays <= least + 1e-12 * abs(stays)

    def _ordered(self, tier: int, domain: int, number: IntArray) -> IntArray:
        """The domains inside one, by their numbers."""
        inside = np.flatnonzero(self.sides.ground.cluster.tiers[tier - 1].parent == domain)
        return inside[np.argsort(number[inside], kind="stable")]


def assigned(prices: FloatArray) -> IntArray | None:
    """The column that each row of a square of prices gets when the sum is least; None where all are infinite.

    Prices are told apart to `PARTS` of their span.
    """
    row, column = np.nonzero(np.isfinite(prices))
    each = prices[row, column]
    span = float(np.ptp(each)) if len(each) else 0.0
    whole = np.round((each - each.min(initial=np.inf)) * (PARTS / (span or 1.0))).astype(np.int64)
    solver = linear_sum_assignment.SimpleLinearSumAssignment()
    solver.add_arcs_with_cost(row, column, whole)
    if len(np.unique(row)) < len(prices) or solver.solve() != solver.OPTIMAL:
        return None
    return np.array([solver.right_mate(each) for each in range(len(prices))], np.int64)
