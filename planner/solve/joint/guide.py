"""What widths of outer domains will cost further in: a guide where one tier is looked at at a time."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from planner.solve.joint.joint_bound import look_ahead

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Tree
    from planner.solve.setup.control import Control

    FloatArray = NDArray[np.float64]

# Of the time that is left: a relaxation that is cut off is still a guide.
SHARE = 0.1


class Guide:
    """Charges for what each width will cost further in, worked out once by the first thread that asks."""

    def __init__(self, tree: Tree, costs: StageCosts) -> None:
        self.tree, self.costs, self._lock = tree, costs, Lock()
        self._charges: Mapping[int, FloatArray] | None = None

    def charges(self, control: Control) -> Mapping[int, FloatArray]:
        """For each tier with others further in a table of shape (P, N + 1), in bytes of that tier.

        Tiers of which nothing is known are left out.
        """
        with self._lock:
            if self._charges is None:
                with control.step(SHARE):
                    levels, tables = look_ahead(self.tree, self.costs, control)
                self._charges = {
                    level.tier: table
                    for level, table in zip(levels, tables, strict=True)
                    if table is not None
                }
            return self._charges
