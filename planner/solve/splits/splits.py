"""The least that a few domains pay together: a dynamic programme over the stages, split by split.

A relaxation by columns sees every domain as a whole and the coverage of a stage only on average, which says
little where domains are few: what three pods of different rooms can hold is a question of whole numbers.
Here every stage is split among the domains in whole cells. A state is the last split with the cells that
every domain has used; it is kept only where what it has cost, and the least reduced cost of what follows,
stay within a budget. A budget within which nothing is left raises the bound; the first that something
reaches ends in the optimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.solve.splits.forest import Tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.setup.control import Control
    from planner.solve.splits.forest import Forest

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

# States in all, for each split of a stage that may be listed, before a budget is given up.
STATES_A_SPLIT = 8
MOST_CODES = 2**62
SMALLEST, WIDENED = 0.25, 1.3
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Prices:
    """What the domains of one level pay.

    Parameters
    ----------
    holding
        For every width of every stage, shape (P, N + 1).
    kept
        Less for a unit of width that a stage and the next have in common, shape (P - 1,).
    worth
        What every width is worth, shape (P, N + 1). Any table gives a valid bound, duals of a relaxation a
        good one.
    """

    holding: FloatArray
    kept: FloatArray
    worth: FloatArray


@dataclass(frozen=True)
class Cheapest:
    """A lower bound, and width vectors that cost just that, shape (leaves, P), where they were found."""

    bound: float
    widths: IntArray | None = None


class Splits:
    """The programme for one job and its few domains.

    Parameters
    ----------
    forest
        The domains, with room for all cells.
    levels
        What those of each level pay, innermost first.
    """

    def __init__(self, forest: Forest, levels: Sequence[Prices], cells: int) -> None:
        from planner.solve.splits.splits_kernel import least_rest, least_splits

        self.cells = cells
        room = np.minimum(forest.room, len(levels[0].holding) * cells).astype(np.int32)
        self.forest = forest._replace(room=room)
        kept = np.stack([np.append(each.kept, 0.0) for each in levels])
        holding = np.stack([each.holding for each in levels])
        worth = np.stack([each.worth for each in levels])
        ends = np.zeros(int(room.max()) + 1)
        rest = np.stack([least_rest(h - w, k, ends) for h, w, k in zip(holding, worth, kept, strict=True)])
        self.tables = Tables(holding, kept, rest)
        covered = least_splits(self.forest, worth, cells)
        # What the stages after each are worth at least.
        self.later = np.append(np.cumsum(covered[::-1])[::-1], 0.0)[1:]
        self.slip = ROUNDING * float(np.abs(holding).max() + kept.max())

    def rise(self, least: float, step: float, granule: float, most: int, control: Control) -> Cheapest:
        """Raise a budget from a known bound until something is found, or as far as the work allows.

        Parameters
        ----------
        least
            A lower bound.
        step
            By how much the bound rises first; by more and more later, and by less where that took too long.
        granule
            Costs are whole multiples of this above `least`; 0 where that is not known.
        most
            Splits of one stage that are listed before a budget is given up.
        """
        bound, smallest = least, max(granule, step * SMALLEST)
        while not control.over:
            found = self._within(bound + step - granule, most, control)
            if found is not None and found.widths is not None:
                return found
            if found is not None:
                bound += step
                step = _multiple(step * WIDENED, granule)
            elif step > smallest:
                step = _multiple(step / 2, granule)
            else:
                break
        return Cheapest(bound)

    def _within(self, budget: float, most: int, control: Control) -> Cheapest | None:
        """The least cost within a budget, or that there is none; None where that takes too long."""
        from planner.solve.splits.splits_kernel import next_splits

        leaves = int(self.forest.leaf.max()) + 1
        splits = used = np.zeros((1, leaves), np.int32)
        costs, total = np.zeros(1), 0
        kept: list[tuple[IntArray, IntArray]] = []
        for stage, later in enumerate(self.later.tolist()):
            if control.over or total > STATES_A_SPLIT * most:
                return None
            count, *listed = next_splits(
                self.forest,
                self.tables,
                stage,
                splits,
                used,
                costs,
                budget + self.slip - later,
                most,
            )
            if count < 0:
                return None
            splits, used, costs, follows = (each[:count] for each in listed)
            first = self._different(splits, used, costs)
            splits, used, costs, follows = splits[first], used[first], costs[first], follows[first]
            kept.append((splits, follows))
            total += len(splits)
            if not count:
                return Cheapest(budget)
        best = int(costs.argmin())
        return Cheapest(float(costs[best]), _read_back(kept, best))

    def _different(self, splits: IntArray, used: IntArray, costs: FloatArray) -> NDArray[np.int64]:
        """The cheapest label of each state."""
        keys: list[NDArray[Any]] = [costs]
        word, size = np.zeros(len(splits), np.int64), 1
        room = self.forest.room[self.forest.leaf >= 0]
        for leaf in range(splits.shape[1] - 1):
            for values, radix in ((splits[:, leaf], self.cells + 1), (used[:, leaf], int(room[leaf]) + 1)):
                if size > MOST_CODES // radix:
                    keys.append(word)
                    word, size = np.zeros(len(splits), np.int64), 1
                word = word * radix + values
                size *= radix
        keys.append(word)
        order = np.lexsort(keys)
        fresh = np.zeros(len(order), np.bool_)
        fresh[:1] = True
        for key in keys[1:]:
            fresh[1:] |= key[order[1:]] != key[order[:-1]]
        return order[fresh]


def _multiple(step: float, granule: float) -> float:
    """A step of whole granules, at least one."""
    return max(1.0, round(step / granule)) * granule if granule else step


def _read_back(kept: Sequence[tuple[IntArray, IntArray]], label: int) -> IntArray:
    """Width vectors of the innermost domains that lead to a label of the last stage, shape (leaves, P)."""
    columns = []
    for splits, follows in reversed(kept):
        columns.append(splits[label])
        label = int(follows[label])
    return np.stack(columns[::-1], axis=1).astype(np.int32)
