"""A fleet: jobs, the sizes that they may have, and what must hold between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from planner.topology.selectors import select_gpus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from planner.errors import Position
    from planner.fleet.flows import Flow
    from planner.fleet.sizes import Sizes
    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster

    BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Job:
    """One job of a fleet.

    Parameters
    ----------
    name
        Its name in the fleet.
    priority
        What a second of its uplink time weighs against those of others.
    sizes
        The sizes that it may have.
    running
        Where it already runs; such a job is never moved.
    group
        Of a role the job that it is part of; its own name otherwise.
    position
        Where it is written, for messages.
    """

    name: str
    priority: float
    sizes: Sizes
    running: Placement | None = None
    position: Position | None = field(default=None, compare=False)
    group: str = ""


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


@dataclass(frozen=True, eq=False)
class Fleet:
    """Jobs that share a cluster; each role of a job is a job here.

    Parameters
    ----------
    name
        Name of the fleet.
    jobs
        The jobs, in the order of the file.
    rules
        What must hold between them, and where they may lie.
    flows
        What they send to each other.
    """

    name: str
    jobs: tuple[Job, ...]
    rules: tuple[TierRule | PinRule, ...] = ()
    flows: tuple[Flow, ...] = ()

    @property
    def new_jobs(self) -> list[int]:
        """Indices of the jobs that are to be placed."""
        return [index for index, job in enumerate(self.jobs) if job.running is None]

    @property
    def tier_rules(self) -> list[TierRule]:
        """The rules on tiers."""
        return [rule for rule in self.rules if isinstance(rule, TierRule)]

    @property
    def pins(self) -> list[PinRule]:
        """The rules on hardware."""
        return [rule for rule in self.rules if isinstance(rule, PinRule)]
