"""A fleet: jobs, the sizes that they may have, and what must hold between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.fleet.rules import PinRule, TierRule

if TYPE_CHECKING:
    from planner.errors import Position
    from planner.fleet.flows import Flow
    from planner.fleet.sizes import Sizes
    from planner.placement.placement import Placement


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
