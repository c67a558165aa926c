"""The least that a few domains pay together: a dynamic programme over the stages, split by split.

A relaxation by columns sees every domain as a whole and a stage's coverage only on average, which says little
where domains are few: what three pods of different rooms can hold together is a question of whole numbers.
Here every stage is split among the domains in whole cells. A state is the last split with the cells that every
domain has used; it is kept only where what it has cost, and the least reduced cost of what follows, stay within a
budget. A budget within which nothing is left raises the bound; the first that something reaches ends in
the optimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.splits_kernel import Forest, Tables, least_rest, least_splits, next_splits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.control import Control

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

# Splits of a stage and states in all that are listed before a budget is given up.
MOST_SPLITS, MOST_STATES, MOST_TABLE = 300_000, 2_000_000, 6_000_000
MOST_CODES = 2**62
STEPS, LEAST_STEPS, WIDENED = 24, 100, 1.3
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
        What every width is worth, shape (P, N + 1): any table gives a valid bound, duals of a relaxation a good one.
    """

    holding: FloatArray
    kept: FloatArray
    worth: FloatArray


@dataclass(frozen=True)
class Cheapest:
    """What was found: nothing costs less than `bound`; `widths`, shape (leaves, P), cost just that, if there are any."""

    bound: float
    widths: IntArray | None = None


def forest_of(rooms: Sequence[IntArray], parents: Sequence[IntArray]) -> tuple[Forest, IntArray]:
    """Domains of several levels in preorder, and which domain of its level each is, shape (domains,).

    Parameters
    ----------
    rooms
        Most cells of the domains of each level, innermost first.
    parents
        Domain of the next level around each, for each level but the outermost.
    """
    rows: list[list[int]] = []
    places: list[int] = []

    def visit(level: int, members: IntArray, around: int) -> None:
        before = -1
        for place in members.tolist():
            row = len(rows)
            rows.append([level, int(rooms[level][place]), around, before, -1, -1, place if level == 0 else -1])
            places.append(place)
            if before >= 0:
                rows[before][4] = row
            before = row
            if level:
                rows[row][5] = row + 1
                visit(level - 1, np.flatnonzero(parents[level - 1] == place), row)

    outermost = len(rooms) - 1
    visit(outermost, np.arange(len(rooms[outermost])), -1)
    return Forest(*np.asarray(rows, np.int32).T.copy()), np.asarray(places, np.int32)


class Splits:
    """The programme for one job and its few domains.

    Parameters
    ----------
    forest
        The domains; one without room for a cell inside another must not be in it.
    levels
        What those of each level pay, innermost first.
    """

    def __init__(self, forest: Forest, levels: Sequence[Prices], cells: int) -> None:
        self.forest, self.cells = forest, cells
        self.stages = len(levels[0].holding)
        room = np.minimum(forest.room, self.stages * cells).astype(np.int32)
        self.forest = forest._replace(room=room)
        kept = np.stack([np.append(each.kept, 0.0) for each in levels])
        holding = np.stack([each.holding for each in levels])
        worth = np.stack([each.worth for each in levels])
        rest = np.stack(
            [least_rest(h - w, k, int(room.max())) for h, w, k in zip(holding, worth, kept, strict=True)]
        )
        self.tables = Tables(holding, kept, rest)
        self.covered = least_splits(self.forest, worth, cells)
        # What the stages after each are worth at least.
        self.later = np.append(np.cumsum(self.covered[::-1])[::-1], 0.0)[1:]
        size = float(np.abs(holding).max() + kept.max())
        self.slip = ROUNDING * max(size, 1e-300)

    def rise(self, least: float, most: float, granule: float, control: Control) -> Cheapest:
        """Raise a budget from a known bound until something is found, to `most`, or as far as the work allows.

        Parameters
        ----------
        least, most
            A lower bound, and a value that nothing above is of interest.
        granule
            What costs are multiples of; 0 where that is not known.
        """
        bound, step = least, granule or (most - least) / STEPS
        while bound < most and step > 0 and not control.over:
            step = min(step, most - bound)
            found = self._within(bound + step - granule, control)
            if found is not None and found.widths is not None:
                return found
            if found is not None:
                bound += step
                step = _multiple(step * WIDENED, granule)
            elif step > max(granule, (most - least) / LEAST_STEPS):
                step = _multiple(step / 2, granule)
            else:
                break
        return Cheapest(bound)

    def _within(self, budget: float, control: Control) -> Cheapest | None:
        """The least cost within a budget, or that there is none; None where that takes too long."""
        leaves = int(self.forest.leaf.max()) + 1
        splits = used = np.zeros((1, leaves), np.int32)
        costs, kept, total = np.zeros(1), [], 0
        for stage, later in enumerate(self.later.tolist()):
            if control.over or total > MOST_STATES:
                return None
            count, *listed = next_splits(
                self.forest,
                self.tables,
                stage,
                splits,
                used,
                costs,
                self.cells,
                budget + self.slip - later,
                MOST_SPLITS,
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
        keys, word, size = [costs], np.zeros(len(splits), np.int64), 1
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
