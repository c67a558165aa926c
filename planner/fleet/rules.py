"""What must hold between the jobs of a fleet, and where they may lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from planner.topology.selectors import select_gpus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from planner.errors import Position
    from planner.topology.cluster import Cluster

    BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class TierRule:
    """Jobs that share no domain of a tier (``apart``), or lie in one together (``together``).

    Parameters
    ----------
    kind
        Which of the two.
    jobs
        Indices of the jobs, ascending.
    tier
        Index of the tier.
    text
        The rule as its author would recognise it.
    position
        Where it is written, for messages.
    """

    kind: Literal["apart", "together"]
    jobs: tuple[int, ...]
    tier: int
    text: str
    position: Position | None = field(default=None, compare=False)

    @staticmethod
    def told(kind: str, jobs: Iterable[str], tier: str) -> str:
        """The text of a rule."""
        return f"{kind}: [{', '.join(jobs)}] by {tier}"


@dataclass(frozen=True, eq=False)
class PinRule:
    """A job that lies on chosen hardware.

    Parameters
    ----------
    job
        Index of the job.
    selectors
        What its author wrote.
    gpus
        The GPUs chosen, shape (gpus,).
    position
        Where it is written, for messages.
    """

    job: int
    selectors: tuple[str, ...]
    gpus: BoolArray
    position: Position | None = None

    @property
    def text(self) -> str:
        """The rule as its author would recognise it."""
        return f"pin: to [{', '.join(self.selectors)}]"


def selected(cluster: Cluster, selectors: Iterable[str]) -> BoolArray:
    """The GPUs that any of some selectors stands for, shape (gpus,); raises as `select_gpus`."""
    chosen = np.zeros(cluster.gpus, np.bool_)
    for selector in selectors:
        chosen |= select_gpus(cluster, selector)
    return chosen
