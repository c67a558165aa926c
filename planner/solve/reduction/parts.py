"""What a domain can save by holding parts of cells.

No rule need keep a cell in one domain, so a bound must allow for parts. A domain that holds
``A`` whole cells and parts of ``j`` others, M ranks in all parts together, pays

    at least  envelope(A + M / B) + Phi_j(M)

where ``Phi_j(M)`` is the least that j parts of M ranks pay to the families inside a cell
(`StageCosts.part_bytes`), and `envelope` is the lower convex envelope of the least reduced cost G of
0 .. A + j cells: each of the B positions of a cell sees a width vector of its own, their mean size is
``A + M / B``, and a convex function of the mean is no more than the mean of the function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

MOST_PARTS = 12


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
        G: least reduced cost with at most A cells, shape (most + 1,), with `most` at least
        `MOST_PARTS` more than the whole cells that fit the largest domain.
    part_bytes
        As in `StageCosts`, shape (B + 1,).
    steepest
        Most that one more cell lowers a domain's reduced cost.
    """

    def __init__(self, within: FloatArray, part_bytes: FloatArray, steepest: float) -> None:
        self.within, self.steepest = within, steepest
        self.size = len(part_bytes) - 1
        self.cheapest_part = float(part_bytes[1 : self.size].min())
        self.several = _several_parts(part_bytes[1 : self.size])
        self._hulls: dict[int, FloatArray] = {}

    def least(self, ranks: int) -> float:
        """Least reduced cost, at most 0, of a domain with room for `ranks` ranks."""
        whole = ranks // self.size
        best = min(0.0, float(self.within[whole]))
        for cells in range(whole + 1):
            free = ranks - cells * self.size
            for parts, bytes_of_parts in enumerate(self.several, start=1):
                held = np.arange(parts, min(free, parts * (self.size - 1)) + 1)
                if len(held):
                    means = cells + held / self.size
                    value = self._envelope(cells + parts, means) + bytes_of_parts[held - parts]
                    best = min(best, float(value.min()))
        # More parts than were looked at: each pays, and all ranks gain at the steepest.
        beyond = (MOST_PARTS + 1) * self.cheapest_part - max(0.0, self.steepest) * ranks / self.size
        return min(best, beyond) if ranks > MOST_PARTS else best

    def _envelope(self, cells: int, means: FloatArray) -> FloatArray:
        """Lower convex envelope of G over 0 .. `cells`, at real points."""
        if cells not in self._hulls:
            corners: list[int] = []
            for point in range(cells + 1):
                while len(corners) > 1 and self._above(corners[-2], corners[-1], point):
                    corners.pop()
                corners.append(point)
            self._hulls[cells] = np.interp(np.arange(cells + 1), corners, self.within[corners])
        return np.interp(means, np.arange(cells + 1), self._hulls[cells])

    def _above(self, left: int, middle: int, right: int) -> bool:
        """Whether the middle point lies on or above the line between the outer two."""
        rise = self.within[right] - self.within[left]
        line = self.within[left] + rise * (middle - left) / (right - left)
        return bool(self.within[middle] >= line)


def _several_parts(single: FloatArray) -> list[FloatArray]:
    """Least cost of j parts of M ranks: entry j - 1 has shape (j * (B - 2) + 1,), for M from j on."""
    several = [single]
    for _ in range(MOST_PARTS - 1):
        last = several[-1]
        joined = np.full(len(last) + len(single) - 1, np.inf)
        for offset, cost in enumerate(single):
            joined[offset : offset + len(last)] = np.minimum(joined[offset : offset + len(last)], last + cost)
        several.append(joined)
    return several
