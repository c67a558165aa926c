"""All inner loops that are compiled, and a command that compiles them ahead of the first run.

``python -m planner.solve.inner_loops`` compiles all that are not compiled yet; or some, by their names.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from planner.solve.columns.pricing import SWEEPS
from planner.solve.seats.rail_loops import RAILS
from planner.solve.seats.ring_loops import RINGS
from planner.solve.splits.few_domains import SPLITS
from planner.solve.walks.loops import PAIRS, WALKS

if TYPE_CHECKING:
    from collections.abc import Sequence

ALL = WALKS, PAIRS, SPLITS, SWEEPS, RINGS, RAILS


def compile_all(names: Sequence[str] = ()) -> None:
    """Compile the inner loops of these names, or all."""
    for name in names or [loops.name for loops in ALL]:
        module, function = name.split(":")
        getattr(import_module(module), function)()


if __name__ == "__main__":
    compile_all(sys.argv[1:])
