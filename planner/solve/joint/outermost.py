"""The bound over all tiers, raised one outermost domain after the other.

Once it is known what widths are worth outside, no outermost domain concerns another: the bound is the sum of
what each costs with all inside it, less that worth. So where the domains of the job are too many for rows of
their own in one programme, each outermost one has a programme to itself. That is small, and each that is
solved raises the bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.joint.joint import INFINITY, JointProgramme
from planner.solve.joint.joint_duals import Centre
from planner.solve.joint.pools import WHOLE_JOB, Groups
from planner.solve.joint.rounded_rows import Start

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.solve.joint.joint_duals import Sizes
    from planner.solve.joint.pools import Domains, Pool
    from planner.solve.joint.rounded_rows import Row
    from planner.solve.reduction.tree import Tree
    from planner.solve.setup.control import Control

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

FIRST_ROUNDS = 1


class OutermostAlone(JointProgramme):
    """The programme of an outermost domain and all inside it: what it holds is worth so much, and not given.

    Its bound is that on what these cost, less that worth.

    Parameters
    ----------
    whole
        The programme over the whole job.
    at
        Its duals.
    groups
        For each group of rows of this programme that of the whole job whose duals it begins with.
    """

    def __init__(
        self, whole: JointProgramme, classes: Sequence[Domains], at: Centre, groups: dict[int, int]
    ) -> None:
        self.at, self.stages = at, np.arange(whole.costs.stages)
        super().__init__(whole.costs, whole.levels, classes, whole.fold, whole)
        self.floors = np.zeros(len(whole.levels))
        for total, share in zip(self.totals, at.shares.tolist(), strict=True):
            self.linear.set_cost(total, share)
        begun = {**groups, WHOLE_JOB: WHOLE_JOB}
        self.first = {group: at.worth[there] for group, there in begun.items()}
        self.first_sizes = {group: at.sizes.get(there, {}) for group, there in begun.items()}

    def begin_with(self, start: Start) -> None:
        """Add vectors and rows, and take the bound at the duals of the whole job."""
        super().begin_with(Start(start.vectors, start.rows, fold=start.fold))
        rents = [np.zeros(pool.rooms[-1] + 1) for pool in self.pools]
        self._look(Centre(self.first, self.at.shares, rents, self.first_sizes))

    def _cover_rows(self, group: int) -> IntArray:
        """Rows as of the whole job, but for those of the job itself: a domain holds what pays."""
        if group != WHOLE_JOB:
            return super()._cover_rows(group)
        rows = [self.linear.add_row(-INFINITY, INFINITY) for _ in range(self.fold.classes)]
        return np.asarray(rows, np.int32)

    def _cost(self, pool: Pool, widths: IntArray) -> float:
        """What a vector is worth outside, taken off."""
        if pool.outer != WHOLE_JOB:
            return 0.0
        by_width = float(self.at.worth[WHOLE_JOB][self.stages, widths].sum())
        return -by_width - float(self.at.of_size(WHOLE_JOB, int(widths.sum())))

    def _shares(self) -> FloatArray:
        """Those of the whole job."""
        return self.at.shares

    def _worth(self) -> dict[int, FloatArray]:
        """For every group what each width is worth by the last solution, and to the job what is given."""
        return {**super()._worth(), WHOLE_JOB: self.at.worth[WHOLE_JOB]}

    def _sizes(self) -> dict[int, Sizes]:
        """As of the last solution, and to the job what is given."""
        return {**super()._sizes(), WHOLE_JOB: self.at.sizes.get(WHOLE_JOB, {})}

    def _in_use(self) -> dict[int, tuple[IntArray, FloatArray]]:
        """Vectors in use by group; none is bound to cover the job."""
        return {group: used for group, used in super()._in_use().items() if group != WHOLE_JOB}

    def _add_rounded(self, rows: Sequence[Row]) -> None:
        """Add rows between two levels."""
        super()._add_rounded([row for row in rows if row[0] != WHOLE_JOB])


def raised_by_outermost(
    tree: Tree, coarse: Groups, programme: JointProgramme, start: Start, control: Control
) -> float:
    """The bound of a programme, raised by one outermost domain after the other as far as time allows.

    Parameters
    ----------
    coarse
        The groups of rows of the programme.
    start
        What another programme may begin with.
    """
    bound = programme.bound
    begun: list[tuple[OutermostAlone, int]] = []
    # The first rounded rows raise it by more than the last: none should wait for those of another domain.
    for alone, count in _alone(tree, coarse, programme, start, control):
        before = alone.bound
        alone.solve(control, FIRST_ROUNDS)
        bound += count * (alone.bound - before)
        begun.append((alone, count))
    for alone, count in begun:
        before = alone.bound
        alone.solve(control)
        bound += count * (alone.bound - before)
    return bound


def _alone(
    tree: Tree, coarse: Groups, programme: JointProgramme, start: Start, control: Control
) -> Iterator[tuple[OutermostAlone, int]]:
    """The programmes of outermost domains, at the duals of the whole job, and how many each stands for."""
    costs, levels, at = programme.costs, programme.levels, programme.centre
    if at is None:
        return
    separate, cells = Groups.separate(tree, levels), costs.stages * costs.replicas
    kinds = np.unique(levels[-1].kind, return_index=True, return_counts=True)[1:]
    # Those that take least time for what they raise.
    for place in np.argsort(levels[-1].room[kinds[0]] / kinds[1], kind="stable").tolist():
        if control.over:
            return
        outermost, count = (int(each[place]) for each in kinds)
        chosen = separate.within(outermost)
        groups = {
            fine: there
            for own, others, domains in zip(separate.own[1:], coarse.own[1:], chosen[1:], strict=True)
            for fine, there in zip(own[domains].tolist(), others[domains].tolist(), strict=True)
        }
        classes = separate.classes(cells, chosen)
        if not any(each.level == len(levels) - 1 for each in classes):
            continue
        alone = OutermostAlone(programme, classes, at, groups)
        alone.begin_with(start)
        yield alone, count
