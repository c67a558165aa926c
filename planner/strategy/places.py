"""Where the groups of all strategies in a space lie, those for whom it costs the same counted once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.network import SCALE_UP
from planner.strategy.space import ORDERS
from planner.workload.family import Family, Kind

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
        known: dict[tuple[int, tuple[Spot, ...]], int] = {}
        alike: dict[tuple[float, ...], tuple[int, Mesh]] = {}
        for rows in columns.groups(*_concerned(axes)).of_wanted(f"bounds: places of {axes[-1]}", wanted):
            for number, order in enumerate(ORDERS):
                mesh = question.mesh(columns.rows[rows[0]], order)
                place = outline.places(axes, mesh)
                if place not in known:
                    costs = _costs(outline, axes, mesh)
                    known[place] = alike.setdefault(costs, (len(alike), mesh))[0]
                of[number, rows] = known[place]
        return cls(of, [mesh for _, mesh in alike.values()])


def _costs(outline: Outline, axes: tuple[str, ...], mesh: Mesh) -> tuple[float, ...]:
    """All that seconds depend on, whatever groups move: their ranks and domains, and seconds for a byte."""
    kind = {"ep": Kind.ALL_TO_ALL, "pp": Kind.PATH}.get(axes[0], Kind.ALL_GATHER)
    found = outline.time(Family("byte", axes, kind, (1.0,)), mesh)
    seconds = {link: float(each.max()) for link, each in found.by_link.items()}
    inside = seconds.pop(SCALE_UP)
    return outline.places(axes, mesh)[0], found.domains, inside, max(seconds.values(), default=0.0)


def _concerned(axes: tuple[str, ...]) -> tuple[str, ...]:
    """Degrees on which the places depend: where other axes lie between the ranks of a group, theirs too."""
    folded = ("ep",) if {"ep", "edp"} & set(axes) else ()
    own = ("dp",) if axes != ("ep",) else ()
    return ("tp", "cp", "pp", *own, *folded)
