"""A linear programme that grows row by row and column by column, and is solved again from where it was.

HiGHS keeps the basis when rows and columns are added; solved anew each time, the programmes of the bounds
took several times as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

NOTHING = np.zeros(0, np.int32)
OPTIONS = {
    "output_flag": False,
    "presolve": "off",
    "solver": "simplex",
    "parallel": "off",
    "threads": 1,
    # A large programme takes long to solve: from time to time it is asked whether to go on. A number of
    # steps, unlike one of seconds, is the same each time.
    "simplex_iteration_limit": 500,
}
DUAL, PRIMAL = 1, 4


class LinearProgramme:
    """Minimise ``cost . x`` over ``lower <= A x <= upper`` and bounds on x.

    Parameters
    ----------
    value
        Of the last solution.
    duals, amounts
        Those of the last solution, by row and by column.
    work
        Steps of all solutions so far, times rows: about what they cost, the same each time.
    """

    def __init__(self) -> None:
        import highspy

        self._highs: Any = highspy.Highs()
        for name, option in OPTIONS.items():
            self._highs.setOptionValue(name, option)
        self._optimal = highspy.HighsModelStatus.kOptimal
        self._halted = highspy.HighsModelStatus.kIterationLimit
        self._ended: Callable[[], bool] = _never
        self.value = 0.0
        self.duals: FloatArray = np.zeros(0)
        self.amounts: FloatArray = np.zeros(0)
        self.rows = self.columns = self.work = 0

    def add_row(self, lower: float, upper: float, columns: Any = NOTHING, values: Any = NOTHING) -> int:
        """Add a row with these entries; returns its index."""
        indices, entries = np.asarray(columns, np.int32), np.asarray(values, np.float64)
        self._highs.addRow(lower, upper, len(indices), indices, entries)
        self.rows += 1
        return self.rows - 1

    def add_column(
        self,
        cost: float,
        rows: Any = NOTHING,
        values: Any = NOTHING,
        lower: float = 0.0,
        upper: float = float("inf"),
    ) -> int:
        """Add a column with these entries; returns its index."""
        indices, entries = np.asarray(rows, np.int32), np.asarray(values, np.float64)
        self._highs.addCol(cost, lower, upper, len(indices), indices, entries)
        self.columns += 1
        return self.columns - 1

    def set_cost(self, column: int, cost: float) -> None:
        """Change what a column costs."""
        self._highs.changeColCost(column, cost)

    def set_lower(self, column: int, lower: float) -> None:
        """Change the least amount of a column, which has no greatest one."""
        self._highs.changeColBounds(column, lower, float("inf"))

    def solve(self, ended: Callable[[], bool] | None = None) -> bool:
        """Solve from the last basis; False where the solver gives up, from no basis and either way too.

        Parameters
        ----------
        ended
            Asked every few hundred steps; where it says so the programme stays unsolved.
        """
        self._ended = ended or _never
        if not (self._run(DUAL) or self._anew(DUAL) or self._anew(PRIMAL)):
            return False
        solution = self._highs.getSolution()
        self.value = float(self._highs.getInfo().objective_function_value)
        self.duals, self.amounts = np.asarray(solution.row_dual), np.asarray(solution.col_value)
        return True

    def _run(self, strategy: int) -> bool:
        self._highs.setOptionValue("simplex_strategy", strategy)
        while not self._ended():
            self._highs.run()
            self.work += self.rows * int(self._highs.getInfo().simplex_iteration_count)
            status = self._highs.getModelStatus()
            if status != self._halted:
                return bool(status == self._optimal)
        return False

    def _anew(self, strategy: int) -> bool:
        if self._ended():
            return False
        self._highs.clearSolver()
        return self._run(strategy)


def _never() -> bool:
    return False
