"""Where the groups of all strategies in a space lie, those that lie alike counted once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.strategy.space import ORDERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.strategy.columns import Columns
    from planner.strategy.outline import Outline
    from planner.strategy.space import Question
    from planner.strategy.spots import Spot
    from planner.workload.mesh import Mesh

    IntArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Places:
    """Where groups along some axes lie.

    Parameters
    ----------
    of
        Number of the place for ranks in each order, shape (orders, strategies).
    meshes
        A mesh for each place, whose groups lie there.
    """

    of: IntArray
    meshes: list[Mesh]

    @classmethod
    def of_groups(
        cls, question: Question, outline: Outline, columns: Columns, wanted: BoolArray, axes: tuple[str, ...]
    ) -> Places:
        """Places of groups along `axes`, for the strategies that are `wanted`."""
        of = np.zeros((len(ORDERS), len(columns)), np.int64)
        known: dict[tuple[int, tuple[Spot, ...]], tuple[int, Mesh]] = {}
        for rows in columns.groups(*_concerned(axes)).of_wanted(wanted):
            for number, order in enumerate(ORDERS):
                mesh = question.mesh(columns.rows[rows[0]], order)
                place = outline.places(axes, mesh)
                of[number, rows] = known.setdefault(place, (len(known), mesh))[0]
        return cls(of, [mesh for _, mesh in known.values()])


def _concerned(axes: tuple[str, ...]) -> tuple[str, ...]:
    """Degrees on which the places depend: where other axes lie between the ranks of a group, theirs too."""
    folded = ("ep",) if {"ep", "edp"} & set(axes) else ()
    own = ("dp",) if axes != ("ep",) else ()
    return ("tp", "cp", "pp", *own, *folded)
