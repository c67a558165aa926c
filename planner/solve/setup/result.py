"""What a run returns, and what it reports while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.placement.placement import relative_gap

if TYPE_CHECKING:
    from planner.placement.placement import Placement, Status


@dataclass(frozen=True)
class Progress:
    """State of a run: seconds since its start, incumbent, bound, and what is being done."""

    elapsed_s: float
    value: float
    lower_bound: float
    phase: str

    @property
    def gap(self) -> float:
        """(value - bound) / bound; 0 where the bound is met."""
        return relative_gap(self.value, self.lower_bound)


@dataclass(frozen=True, eq=False)
class Result:
    """A placement with its proof.

    Parameters
    ----------
    placement
        The mapping and its claims.
    trace
        Every improvement of incumbent or bound, in order of time.
    seconds
        Wall-clock seconds spent.
    interrupted
        Whether the run was stopped from outside; the placement is the incumbent then.
    """

    placement: Placement
    trace: tuple[Progress, ...]
    seconds: float
    interrupted: bool = False

    @property
    def objective(self) -> float:
        """Value of the objective: seconds of uplink time, or bytes for ``cross_node``."""
        return self.placement.claims.value

    @property
    def lower_bound(self) -> float:
        """No placement that obeys the hard rules has a smaller value."""
        return self.placement.claims.lower_bound

    @property
    def gap(self) -> float:
        """(objective - bound) / bound."""
        return self.placement.claims.gap

    @property
    def status(self) -> Status:
        """``optimal`` where value and bound meet or CP-SAT proved it, else ``feasible``."""
        return self.placement.claims.status
