"""The inner loop of walks over seats on rails, and whether it is compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.seats.rail_links import Chains, Links, Seated, Seats
from planner.solve.setup.compiling import InnerLoops, compiled_in_time

if TYPE_CHECKING:
    from planner.solve.setup.control import Control


def rails_compiled(control: Control) -> bool:
    """Whether walks over seats can begin, or could in time."""
    return compiled_in_time(RAILS, control)


def compile_rails() -> None:
    """Walk over one seat without a look, which has the inner loop compiled."""
    from planner.solve.seats.rail_kernel import walk_rails

    one, ends, number = np.zeros(1, np.int64), np.zeros(2, np.int64), np.zeros(1)
    links = Links(ends, one, number, ends, one, ends, one, one, number, one)
    table = one.reshape(1, 1)
    chains = Chains(table.reshape(1, 1, 1), table, one, table)
    walk_rails(Seats(one, one, ends), Seated(one, one, one), links, chains, 1.0, 1.0, 0, 0)


RAILS = InnerLoops(compile_rails, ("planner.solve.seats.rail_kernel",))
