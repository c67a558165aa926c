"""What a domain can save by holding parts of cells.

No rule need keep a cell in one domain, so a bound must allow for parts. A domain that holds
``A`` whole cells and parts of ``j`` others, M ranks in all parts together, pays

    at least  envelope(A + M / B) + Phi_j(M)

where ``Phi_j(M)`` is the least that j parts of M ranks pay to the families inside a cell
(`StageCosts.part_bytes`), and `envelope` is the lower convex envelope of the least reduced cost G of
0 .. A + j cells: each of the B positions of a cell sees a width vector of its own, their mean size is
``A + M / B``, and a convex function of the mean is no more than the mean of the function. Every position
sees the A whole cells, so that the envelope over A .. A + j cells will do.

More parts than are looked at one by one, J or more, pay at least ``J c(M / J)`` for M ranks, with c the
lower convex envelope of what one part pays: it falls with its ranks, so that fewer and larger parts pay
less. What all ranks gain is then at most what the envelope of G says of them, over all cells there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

# Envelopes that begin at one number of cells, where these are many; fewer than so many have one each.
MOST_HULLS, NARROW = 100, 8
# Of numbers of parts that are looked at together the largest over the least.
RANGE = 2


def parts_never_pay(part_bytes: FloatArray, steepest: float) -> bool:
    """Whether every part costs at least what its ranks can gain.

    `steepest` is the most that one more cell lowers a domain's reduced cost; a rank at one of the
    B positions lowers it by at most a B-th of that.
    """
    size = len(part_bytes) - 1
    ranks = np.arange(size + 1)
    return bool(np.all(part_bytes[1:size] >= ranks[1:size] * (steepest / size)))


class PartialCells:
    """Least reduced cost of a domain with room for any number of ranks.

    Parameters
    ----------
    within
        G: least reduced cost with at most A cells, shape (most + 1,), with `most` at least `parts` more than
        the whole cells that fit the largest domain, or all cells of the job.
    part_bytes
        As in `StageCosts`, shape (B + 1,).
    steepest
        Most that one more cell lowers a domain's reduced cost.
    ranks
        That the largest domain has room for.
    parts
        Of how many a domain is looked at one by one.
    cells
        Of the job.
    envelope
        Given a mean and a number of cells that G is not known up to, its lower convex envelope, or less.
    beside
        Most that a rank which G leaves out gains beside others, and they beside it, in a domain with parts.
    """

    def __init__(
        self,
        within: FloatArray,
        part_bytes: FloatArray,
        steepest: float,
        ranks: int,
        parts: int,
        cells: int,
        envelope: Callable[[float, int], float],
        beside: float = 0.0,
    ) -> None:
        self.within, self.steepest, self.cells, self.envelope = within, steepest, cells, envelope
        self.single = part_bytes[1:-1]
        self.size = len(part_bytes) - 1
        self.whole = ranks // self.size
        self.several = _several_parts(self.single, parts, ranks)
        self.beside = beside
        self._hulls: dict[tuple[int, int], FloatArray] = {}

    def least(self, ranks: int) -> float:
        """Least reduced cost, at most 0, of a domain with room for `ranks` ranks."""
        whole = min(ranks // self.size, self.cells)
        best = min(0.0, float(self.within[whole]))
        for cells in range(whole + 1):
            free = ranks - cells * self.size
            # No domain has parts of more cells than there are beside its whole ones.
            most = min(free, self.cells - cells)
            for parts, bytes_of_parts in enumerate(self.several[:most], start=1):
                held = np.arange(parts, min(free, parts * (self.size - 1)) + 1)
                means = cells + held / self.size
                value = self._envelope(cells, cells + parts, means) + bytes_of_parts[held - parts]
                held += cells * self.size
                value -= self.beside * np.minimum(ranks - held, held)
                best = min(best, float(value.min()))
        return min([best, *self._beyond(ranks)])

    def _beyond(self, ranks: int) -> Iterator[float]:
        """Least reduced cost with more parts than were looked at, a range of numbers after the other."""
        mean = ranks / self.size
        for pays, cells in many_parts(self.single, ranks, self.cells, len(self.several) + 1):
            known = cells < len(self.within)
            least = self._envelope(0, cells, np.asarray([mean]))[0] if known else self.envelope(mean, cells)
            gained = self.beside * ranks / 2
            yield pays + max(float(least), -max(0.0, self.steepest) * mean) - gained

    def _envelope(self, fewest: int, most: int, means: FloatArray) -> FloatArray:
        """Lower convex envelope of G over `fewest` .. `most` cells, or less, at real points."""
        found = self._hull_over(0, most, MOST_HULLS, means)
        if fewest:
            # Whole cells are at every position.
            found = np.maximum(found, self._hull_over(fewest, most, MOST_HULLS // (self.whole + 1), means))
        return found

    def _hull_over(self, first: int, last: int, most_hulls: int, points: FloatArray) -> FloatArray:
        """The envelope over `first` .. `last`, or a few more: of many cells not every number needs one."""
        step = -(-len(self.within) // max(1, most_hulls)) if last - first > NARROW else 1
        last = min(-(-last // step) * step, len(self.within) - 1)
        if (first, last) not in self._hulls:
            self._hulls[first, last] = _hull(self.within[first : last + 1])
        return np.interp(points, np.arange(first, last + 1), self._hulls[first, last])


def many_parts(single: FloatArray, ranks: int, cells: int, fewest: int) -> Iterator[tuple[float, int]]:
    """For ranges of numbers of parts what these pay at least, and of how many cells a domain has some ranks.

    Parameters
    ----------
    single
        What one part of 1 .. B - 1 ranks pays, shape (B - 1,).
    ranks, cells
        That the domain has room for, and that the job has.
    fewest
        Parts of the first range.
    """
    held, convex = np.arange(1, len(single) + 1), _hull(single)
    cheapest, whole = int(held[convex.argmin()]), ranks // (len(single) + 1)
    while fewest <= min(ranks, cells):
        pays = fewest * float(np.interp(min(cheapest, ranks / fewest), held, convex))
        yield pays, min(whole + RANGE * fewest, ranks, cells)
        fewest *= RANGE


def _hull(values: FloatArray) -> FloatArray:
    """Lower convex envelope of values at 0, 1, .., at the same points."""
    corners: list[int] = []
    for point in range(len(values)):
        while len(corners) > 1 and _above(values, corners[-2], corners[-1], point):
            corners.pop()
        corners.append(point)
    return np.interp(np.arange(len(values)), corners, values[corners])


def _above(values: FloatArray, left: int, middle: int, right: int) -> bool:
    """Whether the middle point lies on or above the line between the outer two."""
    rise = values[right] - values[left]
    return bool(values[middle] >= values[left] + rise * (middle - left) / (right - left))


def _several_parts(single: FloatArray, most: int, ranks: int) -> list[FloatArray]:
    """Least cost of j parts of M ranks: entry j - 1 for M from j to what fits, at most (j * (B - 2) + 1,)."""
    several = [single[:ranks]][:most]
    for parts in range(2, min(most, ranks) + 1):
        last = several[-1]
        joined = np.full(min(len(last) + len(single) - 1, ranks - parts + 1), np.inf)
        for offset, cost in enumerate(single[: len(joined)]):
            those = joined[offset : offset + len(last)]
            np.minimum(those, last[: len(those)] + cost, out=those)
        several.append(joined)
    return several
