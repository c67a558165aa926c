"""The bound over all tiers: relaxations from the coarsest to the finest, each begun where one ended."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.columns.pricing import sweeps_compiled
from planner.solve.joint.fold import Fold
from planner.solve.joint.joint import JointProgramme
from planner.solve.joint.outermost import raised_by_outermost
from planner.solve.joint.pools import (
    WHOLE_JOB,
    Domains,
    Groups,
    joined_classes,
    weighty_levels,
)
from planner.solve.joint.rounded_rows import Start
from planner.solve.reduction.tree import Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Tree
    from planner.solve.setup.control import Control

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

# Few: more make a sharper bound, and no better guide.
ROUNDS_AHEAD = 2
MOST_CLASS_ROWS = 300
APART_SHARE = 0.4
# Stages from either end on with rows of their own in the first programmes.
COARSE = 1
# What finer classes of stages must gain where all domains are in one group, to be tried with more groups.
FINER_GAIN = 1e-4


def look_ahead(
    tree: Tree, costs: StageCosts, control: Control
) -> tuple[list[Level], list[FloatArray | None]]:
    """For levels that cost something what each width will cost further in; see `JointProgramme.ahead`."""
    levels = weighty_levels(tree, costs)
    if len(levels) < 2 or not sweeps_compiled(control):
        return levels, [None] * len(levels)
    classes = joined_classes(levels, costs.stages * costs.replicas)
    programme = JointProgramme(costs, levels, classes, Fold.of(costs))
    programme.solve(control, ROUNDS_AHEAD)
    return levels, [programme.ahead(index, control) for index in range(len(levels))]


class Apart:
    """What tiers use by themselves, and what bounds them: each found once, unless the time was too short.

    Parameters
    ----------
    compiled
        Whether compiled code is there already, which is then quicker for small domains too.
    """

    def __init__(self, *, compiled: bool = False) -> None:
        self.compiled = compiled
        self._found: dict[tuple[object, ...], tuple[Start, float]] = {}

    def bound(self, costs: StageCosts, level: Level) -> float:
        """Lower bound on the sum of f of a level, where it is known."""
        return self._found.get(self._key(costs, level), (Start(), float("-inf")))[1]

    @staticmethod
    def _key(costs: StageCosts, level: Level) -> tuple[object, ...]:
        """All that a bound depends on."""
        terms = tuple((form, cells, each.tobytes()) for form, cells, each in costs.terms)
        edges = costs.v.tobytes(), costs.v_wrap, costs.rungs.tobytes()
        return costs.replicas, terms, edges, level.room.astype(np.int64).tobytes()

    def of(self, costs: StageCosts, level: Level, control: Control) -> tuple[Start, float]:
        """What one level uses by itself, and a lower bound on its weighted bytes; nothing without time."""
        key = self._key(costs, level)
        if key not in self._found:
            start, bound = alone(costs, replace(level, weight=1.0), control)
            if control.over:
                return start.weighted(level.weight), level.weight * bound
            self._found[key] = start, bound
        start, bound = self._found[key]
        return start.weighted(level.weight), level.weight * bound


def joint_bound(
    tree: Tree, costs: StageCosts, floors: Sequence[float], control: Control, apart: Apart | None = None
) -> float:
    """Lower bound on the weighted bytes of all levels, constants left out.

    Valid where every placement gives each domain whole cells, at most as many as its room.

    Parameters
    ----------
    floors
        Lower bound on the weighted bytes of each level of the tree but the root, constants left out.
    apart
        What is known of single tiers already.
    """
    levels, apart = weighty_levels(tree, costs), apart or Apart()
    if len(levels) < 2 or not sweeps_compiled(control):
        return float(sum(floors))
    places = {level.tier: index for index, level in enumerate(tree.levels)}
    inside = [floors[places[level.tier]] for level in levels]
    rest = float(sum(floors)) - sum(inside)
    starts = []
    with control.step(APART_SHARE):
        for index, level in enumerate(levels):
            found, bound = apart.of(costs, level, control)
            starts.append(found)
            inside[index] = max(inside[index], bound)
    return rest + _together(tree, costs, levels, inside, Start.apart(starts), control)


def _together(
    tree: Tree,
    costs: StageCosts,
    levels: list[Level],
    inside: Sequence[float],
    start: Start,
    control: Control,
) -> float:
    """Lower bound on the weighted bytes of some levels, each of which has a bound of its own."""
    best, cells = sum(inside), costs.stages * costs.replicas
    counted, separate = Groups.counted(tree, levels), Groups.separate(tree, levels)
    divided = (joined_classes(levels, cells), counted.classes(cells), separate.classes(cells))
    # Finer classes of stages may gain a little more, for time that runs limited by work do not have.
    folds = (Fold.of(costs, COARSE), Fold.of(costs))[: 1 if control.deterministic else 2]
    first: list[float] = []
    for fold in folds:
        coarse: tuple[JointProgramme, Start] | None = None
        for classes in divided:
            groups = {each.outer for each in classes}
            if control.over or len(groups) * fold.classes > MOST_CLASS_ROWS:
                continue
            programme = JointProgramme(costs, levels, classes, fold)
            programme.set_floors(inside)
            programme.begin_with(start)
            programme.solve(control)
            start = programme.in_use(control)
            best = max(best, programme.bound)
            if classes is divided[0]:
                first.append(programme.bound)
                if len(first) > 1 and first[1] - first[0] < FINER_GAIN * abs(first[0]):
                    return best
            coarse = (programme, start) if classes is divided[1] else None
        if coarse is not None and not control.deterministic:
            best = max(best, raised_by_outermost(tree, counted, *coarse, control))
    return best


def alone(costs: StageCosts, level: Level, control: Control) -> tuple[Start, float]:
    """What one level uses by itself, and a lower bound on its weighted bytes; nothing without time."""
    if control.over:
        return Start(), float("-inf")
    cells = costs.stages * costs.replicas
    classes = [Domains(0, each.count, each.room, WHOLE_JOB, None) for each in joined_classes([level], cells)]
    programme = JointProgramme(costs, [level], classes, Fold.of(costs, COARSE))
    programme.solve(control)
    return programme.in_use(control), programme.bound


def bound_alone(costs: StageCosts, room: IntArray, control: Control, apart: Apart) -> float:
    """Lower bound on the sum of f over domains with so much room, shape (domains,), whole cells only."""
    none = np.zeros(len(room), np.int32)
    return apart.of(costs, Level(0, 1.0, room.astype(np.int32), none, none), control)[1]
