"""Goals of an exact model: real weights in, whole numbers to CP-SAT, first things first."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ortools.sat.python import cp_model

    from planner.solve.setup.control import Control

SCALE_LIMIT = 2**46


@dataclass
class Goal:
    """A sum to minimise: weights, variables, and the most that each variable can be."""

    weights: list[float] = field(default_factory=list)
    variables: list[Any] = field(default_factory=list)
    most: list[int] = field(default_factory=list)
    constant: float = 0.0
    rounded: float = 0.0

    def add(self, weight: float, variable: Any, most: int = 1) -> None:
        """Add a term; `variable` lies in 0 .. `most`."""
        self.weights.append(weight)
        self.variables.append(variable)
        self.most.append(most)

    def add_all(self, other: Goal, weight: float) -> None:
        """Add another sum, each of its terms at `weight`."""
        self.weights += [weight * w for w in other.weights]
        self.variables += other.variables
        self.most += other.most
        self.constant += weight * other.constant

    @property
    def peak(self) -> float:
        """Most that the absolute terms can come to."""
        return sum(abs(w) * most for w, most in zip(self.weights, self.most, strict=True))

    def scaled(self) -> tuple[Any, float]:
        """The sum in integers, and what one unit of it is worth.

        Sets `rounded` to the most that rounding the weights can move the scaled sum.
        """
        if len(self.weights) == 1:
            return self.variables[0], self.weights[0]
        whole = self.peak < SCALE_LIMIT and all(w == round(w) for w in self.weights)
        unit = 1.0 if whole or not self.peak else self.peak / SCALE_LIMIT
        self.rounded = 0.0 if whole else 0.5 * sum(self.most)
        return sum(round(w / unit) * x for w, x in zip(self.weights, self.variables, strict=True)), unit


class Model(Protocol):
    """What `minimise` asks of an exact model."""

    cp: cp_model.CpModel

    def goals(self) -> list[Goal]:
        """What to minimise, first things first."""
        ...

    def keep(self, solver: Any) -> None:
        """Remember a solution, and suggest it to the next search."""
        ...


@dataclass(frozen=True)
class Outcome:
    """How the search for the first goal ended.

    Parameters
    ----------
    found, proven, infeasible
        Whether there is a solution, whether it is optimal, and whether there is proof of none.
    complete
        Whether all goals are proven, not only the first.
    bound
        Lower bound on the first goal, at least 0.
    """

    found: bool
    proven: bool
    infeasible: bool
    bound: float
    complete: bool = False


def minimise(model: Model, control: Control, limit_s: float) -> Outcome:
    """Minimise the goals in their order, each without giving up what the one before reached."""
    nothing = Outcome(found=False, proven=False, infeasible=False, bound=0.0)
    outcome = nothing
    goals: Sequence[Goal] = model.goals()
    for index, goal in enumerate(goals):
        scaled, unit = goal.scaled()
        model.cp.minimize(scaled)
        search = control.search(model.cp, limit_s)
        if not search.found:
            return outcome if index else replace(nothing, infeasible=search.infeasible)
        model.keep(search.solver)
        if index == 0:
            bound = (search.solver.best_objective_bound - goal.rounded) * unit + goal.constant
            outcome = Outcome(found=True, proven=search.proven, infeasible=False, bound=max(0.0, bound))
        if not search.proven:
            break
        model.cp.add(scaled <= round(search.solver.objective_value))
        outcome = replace(outcome, complete=index == len(goals) - 1)
    return outcome
