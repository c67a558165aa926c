"""Placing a job: reduction to cells, bounds, construction, proof.

The room is callable: ``planner.solve(cluster, workload, ...)`` is `planner.solve.run.solve`, so that
the function of the public interface and the room of the same name do not hide each other. It is loaded
when first used: who needs a bound alone does not wait for all that constructs placements.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from planner.solve.setup.result import Progress, Result

if TYPE_CHECKING:
    from planner.solve.run import solve

__all__ = ["Progress", "Result", "solve"]


def __getattr__(name: str) -> object:
    """Load `solve` from the module that defines it."""
    if name != "solve":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from planner.solve.run import solve as found

    globals()["solve"] = found
    return found


class _CallableRoom(ModuleType):
    """A package that can be called like its main function."""

    # Looked up when called, and by those who ask for the signature.
    __call__ = property(lambda room: room.solve)


sys.modules[__name__].__class__ = _CallableRoom
