"""The inner loops of rings, and whether they are compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.setup.compiling import InnerLoops, compiled_in_time

if TYPE_CHECKING:
    from planner.solve.setup.control import Control


def rings_compiled(control: Control) -> bool:
    """Whether walks over rings can begin, or could in time."""
    return compiled_in_time(RINGS, control)


def compile_rings() -> None:
    """Walk over a ring of one cell without a move, which has the inner loops compiled."""
    from planner.solve.seats.ring_kernel import exchange_runs, walk_rings

    one, numbers, number = np.zeros(1, np.int32), np.zeros((1, 1), np.int32), np.zeros(1)
    how = 1.0, 1.0, 0, 0
    exchange_runs(numbers, numbers, number, number, *how)
    walk_rings(numbers, numbers, numbers, one, one, np.zeros((1, 1)), number, *how)


RINGS = InnerLoops(compile_rings, ("planner.solve.seats.ring_kernel",))
