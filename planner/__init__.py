"""Cluster topology and placement planner.

The names below are loaded when first used, so that importing `planner` costs nothing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.errors import PlannerError
    from planner.placement.check import check
    from planner.placement.file import read_placement, write_placement
    from planner.placement.placement import Objective, Placement
    from planner.solve import Result, solve
    from planner.strategy.balance import balance
    from planner.topology.cluster import Cluster
    from planner.topology.load import load_topology
    from planner.workload.load import load_workload
    from planner.workload.workload import Workload

# To colour what it says of a mistake, numba puts streams of its own in the place of sys.stdout and
# sys.stderr, also while it compiles without one, and then puts back what was there: in a thread that
# compiles while others work these may be of a command that has ended since. It reads this once, when it
# is first imported.
os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")

__version__ = "0.1.0"

__all__ = [
    "Cluster",
    "Objective",
    "Placement",
    "PlannerError",
    "Result",
    "Workload",
    "__version__",
    "balance",
    "check",
    "load_topology",
    "load_workload",
    "read_placement",
    "solve",
    "write_placement",
]

_HOME = {
    "Cluster": "planner.topology.cluster",
    "Objective": "planner.placement.placement",
    "Placement": "planner.placement.placement",
    "PlannerError": "planner.errors",
    "Result": "planner.solve",
    "Workload": "planner.workload.workload",
    "balance": "planner.strategy.balance",
    "check": "planner.placement.check",
    "load_topology": "planner.topology.load",
    "load_workload": "planner.workload.load",
    "read_placement": "planner.placement.file",
    "solve": "planner.solve",
    "write_placement": "planner.placement.file",
}


def __getattr__(name: str) -> object:
    """Load a public name from the module that defines it."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_HOME[name])
    # The room `planner.solve` is itself callable and stands under that name.
    value: object = home if name == "solve" else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Names that completion offers."""
    return sorted({*globals(), *__all__})
