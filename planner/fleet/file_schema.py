"""What ``fleet.json`` says: the sections of the one JSON document about a placed fleet."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

# pydantic reads these when the models are built.
from planner.placement.placement import Status
from planner.placement.schema import Cost, Count, Digest, Name, Section

NAME_IN_FOLDER = "fleet.json"


class SharedSection(Section):
    """What jobs share at one tier."""

    tier: Name
    """Name of the tier."""
    shared_bytes: float = Field(ge=0)
    """What leaves its domains in a step of every job, without that of the job that sends most out of each."""
    domains: int = Field(ge=0)
    """Domains out of which more than one job sends."""


class FleetClaimsSection(Section):
    """What is claimed of the fleet."""

    value_s: Cost
    """The objective F, in seconds of uplink time."""
    lower_bound_s: Cost
    """What it is at the least."""
    gap: Cost
    """(value - bound) / bound."""
    status: Status
    """optimal where value and bound meet."""
    shared_s: Cost
    """The part of the objective that sharing makes up."""
    shared: list[SharedSection]
    """What is shared, one entry a tier, innermost first."""


class PlacedJobSection(Section):
    """One job."""

    name: Name
    """Its name."""
    priority: float = Field(gt=0)
    """What a second of its uplink time weighs."""
    file: Name
    """Its placement file, in the same folder."""
    digest: Digest
    """SHA-256 of that file."""
    ranks: Count
    """Ranks it has."""
    size: Name | None = None
    """What an elastic job got, such as dp 64."""
    table_before: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Of a job that ran before: SHA-256 of the GPU of every rank, each as four bytes, lowest first."""


class PlacedRuleSection(Section):
    """One rule that holds between the jobs."""

    kind: Literal["apart", "together", "pin"]
    """Which rule."""
    jobs: list[Name]
    """Names of the jobs."""
    tier: Name | None = None
    """Name of the tier, for apart and together."""
    to: list[Name] | None = None
    """Selectors of the hardware, for pin."""


class FleetPlacementFile(Section):
    """A placed fleet."""

    format: Literal["planner-fleet-placement"]
    """What this file is."""
    format_version: Literal[1]
    """Version of this format."""
    planner_version: Name
    """Version of the planner that wrote it."""
    name: Name
    """Name of the fleet."""
    topology: Name
    """Name of the cluster; it is described in each job's file."""
    claims: FleetClaimsSection
    """What is claimed."""
    jobs: list[PlacedJobSection] = Field(min_length=1)
    """The jobs."""
    rules: list[PlacedRuleSection]
    """What must hold between them."""
