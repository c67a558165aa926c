"""The best few strategies on the cluster itself: placed, and ranked anew by their steps there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import InfeasibleError, NoPlacementError
from planner.strategy.place import place

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from planner.strategy.place import Placed
    from planner.strategy.search import Found
    from planner.strategy.watch import Told
    from planner.topology.cluster import Cluster


@dataclass(frozen=True, eq=False)
class Ranked:
    """A strategy, and what became of placing it.

    Parameters
    ----------
    placed
        Where it was placed; None where it was not tried, or cannot be.
    why_not
        Why it cannot be placed.
    """

    found: Found
    placed: Placed | None = None
    why_not: str = ""

    @property
    def step_s(self) -> float:
        """Seconds of a step: on the cluster itself where it was placed, else as predicted."""
        return self.placed.simulation.time.step_s if self.placed else self.found.step_s


def ranked(
    cluster: Cluster,
    best: Sequence[Found],
    model: str,
    *,
    keep: dict[str, str],
    count: int,
    time_limit_s: float,
    stop: threading.Event,
    told: Told | None = None,
) -> list[Ranked]:
    """Strategies that were placed, by their step there; then the others, those that cannot be placed last.

    Parameters
    ----------
    best
        Strategies, the one that is predicted to be fastest first.
    count
        How many of them to place; in the place of one that cannot be, the next is.
    stop
        Once set, no more are placed.
    told
        Hears how many were placed.
    """
    made: list[Ranked] = []
    for found in best:
        done = sum(each.placed is not None for each in made)
        wanted = done < count and not stop.is_set()
        if wanted and told is not None:
            told("placed on the cluster", done, min(count, len(best)))
        made.append(_tried(cluster, found, model, keep, time_limit_s, stop) if wanted else Ranked(found))
    return sorted(made, key=lambda each: (bool(each.why_not), each.placed is None, each.step_s))


def _tried(
    cluster: Cluster,
    found: Found,
    model: str,
    keep: dict[str, str],
    time_limit_s: float,
    stop: threading.Event,
) -> Ranked:
    try:
        placed = place(cluster, found.job, model, keep=keep, time_limit_s=time_limit_s, stop=stop)
    except (InfeasibleError, NoPlacementError) as error:
        return Ranked(found) if stop.is_set() else Ranked(found, why_not=error.problems[0].message)
    return Ranked(found, placed)
