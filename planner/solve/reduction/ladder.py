"""Pricing for a folded pipeline, whose stages p and P - 1 - p share an edge.

In a bidirectional schedule the ranks of stage p and of stage P - 1 - p hold the same parameters, so
that stages form a ladder: two sides, joined by a rung at every step. The dynamic programme walks up
the ladder with the widths of both sides as its state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]


class Ladder:
    """Least reduced cost for every number of cells, over an even number of stages.

    Parameters
    ----------
    reduced
        Holding cost less duals by stage and width, shape (P, widths).
    costs
        Gives what neighbours and mirrored stages share.
    room
        Most cells of interest.
    """

    def __init__(self, reduced: FloatArray, costs: StageCosts, room: int) -> None:
        half = len(reduced) // 2
        self.sides = costs.v[: half - 1], costs.v[::-1][: half - 1]
        rungs = costs.rungs.copy()
        rungs[0] += costs.v_wrap
        rungs[-1] += costs.v[half - 1]
        widths = np.arange(reduced.shape[1])
        shared = np.minimum.outer(widths, widths)
        joined = np.full((len(widths), len(widths), room + 1), np.inf)
        joined[..., 0] = 0.0
        self.tables: list[FloatArray] = []
        for step in range(half):
            if step:
                joined = _join(self.tables[-1], self.sides[0][step - 1])
                joined = _join(joined.swapaxes(0, 1), self.sides[1][step - 1]).swapaxes(0, 1)
            pay = reduced[step][:, None] + reduced[-1 - step][None, :] - rungs[step] * shared
            self.tables.append(_use_room(joined, pay))
        self.best: FloatArray = self.tables[-1].min(axis=(0, 1))

    def vector(self, used: int) -> IntArray:
        """A width vector that reaches ``best[used]``, shape (P,)."""
        half = len(self.tables)
        widths = np.zeros(2 * half, np.int32)
        near, far = _argmin(self.tables[-1][..., used])
        grid = np.arange(self.tables[-1].shape[0])
        for step in range(half - 1, -1, -1):
            widths[step], widths[-1 - step] = near, far
            used -= near + far
            if step:
                kept_near = self.sides[0][step - 1] * np.minimum(grid, near)
                kept_far = self.sides[1][step - 1] * np.minimum(grid, far)
                before = self.tables[step - 1][..., used]
                near, far = _argmin(before - kept_near[:, None] - kept_far[None, :])
        return widths


def _join(table: FloatArray, kept: float) -> FloatArray:
    """Least ``table[b] - kept * min(b, a)`` over b, for every a, along the first axis."""
    credit = kept * np.arange(len(table))[:, None, None]
    below = np.minimum.accumulate(table - credit, axis=0)
    above = np.minimum.accumulate(table[::-1], axis=0)[::-1] - credit
    joined: FloatArray = np.minimum(below, above)
    return joined


def _use_room(joined: FloatArray, pay: FloatArray) -> FloatArray:
    """Charge both sides' widths and move to the room used with them."""
    widths, _, rooms = joined.shape
    padded = np.full((widths, widths, 2 * widths + rooms), np.inf)
    padded[..., 2 * widths :] = joined
    near, far, used = padded.strides
    # A view in which entry (n, f, u) is that of (n, f, u - n - f), in the padding where that is below 0.
    moved = np.lib.stride_tricks.as_strided(
        padded[..., 2 * widths :], joined.shape, (near - used, far - used, used), writeable=False
    )
    after: FloatArray = moved + pay[..., None]
    return after


def _argmin(table: FloatArray) -> tuple[int, int]:
    near, far = np.unravel_index(int(table.argmin()), table.shape)
    return int(near), int(far)
