"""Placing a job: reduction to cells, bounds, construction, proof.

The room is callable: ``planner.solve(cluster, workload, ...)`` is `planner.solve.run.solve`, so that
the function of the public interface and the room of the same name do not hide each other.
"""

import sys
from types import ModuleType

from planner.solve.result import Progress, Result
from planner.solve.run import solve

__all__ = ["Progress", "Result", "solve"]


class _CallableRoom(ModuleType):
    """A package that can be called like its main function."""

    __call__ = staticmethod(solve)


sys.modules[__name__].__class__ = _CallableRoom
