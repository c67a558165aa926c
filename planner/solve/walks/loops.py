"""The inner loops of walks, and whether they are compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.setup.compiling import InnerLoops, compiled_in_time

if TYPE_CHECKING:
    from planner.solve.setup.control import Control


def walks_compiled(control: Control) -> bool:
    """Whether walks over several tiers can begin, or could in time: of cells, and of pairs."""
    return compiled_in_time(WALKS, control) and compiled_in_time(PAIRS, control)


def pairs_compiled(control: Control) -> bool:
    """Whether pairs of domains can share out, or could in time."""
    return compiled_in_time(PAIRS, control)


def compile_walks() -> None:
    """Walk over one cell without a move, which has the inner loops compiled."""
    from planner.solve.walks.anneal_kernel import State, anneal
    from planner.solve.walks.inside_kernel import anneal_each

    one, numbers, table, nowhere = _arrays()
    state = State(
        *(numbers, numbers, one, one, one, one, np.zeros(1)),
        *(one, one, one, one, one, one, numbers),
        *(table, numbers, table),
    )
    how = 1.0, 1.0, 0, 0.0, 0.0, 0.0, 0
    anneal(state, *how)
    tables = np.zeros(1), table, numbers, table
    anneal_each(numbers, one, numbers, numbers, nowhere, nowhere, *tables, *how)


def compile_pairs() -> None:
    """Let nobody share out, which has the inner loops compiled."""
    from planner.solve.walks.pair_kernel import Held, share_out_pairs
    from planner.solve.walks.paired_kernel import share_out_each
    from planner.solve.walks.sharing_kernel import empty_tables

    one, numbers, table, nowhere = _arrays()
    held = Held(numbers, one, numbers, one, numbers, table, np.zeros(1))
    share_out_pairs(held, empty_tables(1, 0, 0), 1.0, 1.0, 0, 0, numbers, 0.0)
    share_out_each(numbers, one, nowhere, nowhere, table, np.zeros(1), 1.0, 1.0, 0, 0)


def _arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One number and none in a row, and a table of one entry, as loops are called with."""
    return np.zeros(1, np.int32), np.zeros((1, 1), np.int32), np.zeros((1, 1)), np.zeros(0, np.int32)


WALKS = InnerLoops(compile_walks, ("planner.solve.walks.anneal_kernel", "planner.solve.walks.inside_kernel"))
PAIRS = InnerLoops(
    compile_pairs,
    (
        "planner.solve.walks.pair_kernel",
        "planner.solve.walks.paired_kernel",
        "planner.solve.walks.sharing_kernel",
    ),
)
