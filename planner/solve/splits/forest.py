"""A few domains of one tier or several as flat arrays, for compiled programmes over the splits of a stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]


class Forest(NamedTuple):
    """Domains in preorder, each array of shape (domains,); -1 where there is none.

    Parameters
    ----------
    kind
        Which tables hold for it.
    room
        Most cells that it holds.
    around, before, after, inside
        The domain around it, its neighbours in there, and the first domain inside it.
    leaf
        Its number among the innermost domains.
    """

    kind: IntArray
    room: IntArray
    around: IntArray
    before: IntArray
    after: IntArray
    inside: IntArray
    leaf: IntArray


class Tables(NamedTuple):
    """What widths cost.

    Parameters
    ----------
    holding
        Cost of every width of every stage by kind, shape (kinds, P, N + 1).
    kept
        What a unit of width saves between a stage and the next, shape (kinds, P).
    rest
        Least reduced cost of the stages that follow, by width of this stage and the cells that still fit,
        shape (kinds, P, N + 1, room + 1).
    """

    holding: FloatArray
    kept: FloatArray
    rest: FloatArray


def forest_of(rooms: Sequence[IntArray], parents: Sequence[IntArray]) -> Forest:
    """Domains of several levels in preorder.

    Parameters
    ----------
    rooms
        Most cells of the domains of each level, innermost first.
    parents
        Domain of the next level around each, for each level but the outermost.
    """
    rows: list[list[int]] = []

    def visit(level: int, members: Sequence[int], around: int) -> None:
        before = -1
        for place in members:
            row, leaf = len(rows), -1 if level else place
            rows.append([level, int(rooms[level][place]), around, before, -1, -1, leaf])
            if before >= 0:
                rows[before][4] = row
            before = row
            if level:
                rows[row][5] = row + 1
                visit(level - 1, np.flatnonzero(parents[level - 1] == place).tolist(), row)

    outermost = len(rooms) - 1
    visit(outermost, range(len(rooms[outermost])), -1)
    return Forest(*np.asarray(rows, np.int32).T.copy())
