"""Limits on what may move, and what to say where they are too tight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InfeasibleError, NoPlacementError, UsageError
from planner.repair.exact import Limit
from planner.repair.memory import state_bytes
from planner.units import format_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.repair.task import Task


def too_few_moves(asked: int, fewest: int) -> InfeasibleError:
    """The error that fewer moves were allowed than are needed."""
    return InfeasibleError.of(
        "S006",
        f"{asked:,} moves are not enough: at least {fewest:,} ranks have to move",
        expected=f"--max-moves of {fewest:,} or more",
    )


def state_limit(task: Task, moved: NDArray[np.int64], fewest: int, budget_bytes: float) -> Limit:
    """The limit on state that moves.

    Parameters
    ----------
    moved
        Ranks that move in the placement found with the fewest moves.
    fewest
        Ranks that have to move in any.

    Raises
    ------
    UsageError
        U001 where the workload does not say what state its ranks hold.
    InfeasibleError
        S006 where no placement moves so little.
    NoPlacementError
        S004 where the one with the fewest moves moves more.
    """
    each = state_bytes(task.workload)
    if each is None:
        raise UsageError.of(
            "U001",
            f"--budget: {task.workload.name} names no model, so that the state of a rank is not known",
            expected="a workload with a model",
            suggestion="--max-moves",
        )
    costs = each[task.workload.mesh.coordinate("pp", np.arange(task.ranks))]
    limit = Limit(costs, budget_bytes)
    if limit.allows(moved):
        return limit
    needed = float(costs[moved].sum())
    least = fewest * float(each.min())
    message = f"a budget of {format_bytes(budget_bytes)} is not enough: "
    if least > budget_bytes:
        raise InfeasibleError.of(
            "S006",
            f"{message}at least {format_bytes(least)} of parameters and optimizer state have to move",
            expected=f"--budget of {format_bytes(needed)} or more",
        )
    raise NoPlacementError.of(
        "S004",
        f"{message}the placement found with the fewest moves moves {format_bytes(needed)}",
        suggestion=f"--budget of {format_bytes(needed)}",
    )
