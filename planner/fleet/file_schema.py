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


class CommonSection(Section):
    """Weights that a stage of the sender and one of the receiver have in common."""

    source_stage: int = Field(ge=0)
    """Stage of the sender."""
    target_stage: int = Field(ge=0)
    """Stage of the receiver."""
    dense_bytes: float = Field(ge=0)
    """Bytes that are split among tensor ranks."""
    expert_bytes: float = Field(ge=0)
    """Bytes that are split among expert and tensor ranks."""


class SpreadTierSection(Section):
    """Spreading weights at one tier."""

    tier: Name
    """Name of the tier."""
    crossing_bytes: float = Field(ge=0)
    """Bytes that enter domains which lack them."""
    seconds: Cost | None
    """Time of the busiest uplink; null where uplinks are free."""
    least_s: Cost | None
    """What it is at the least, however the weights are spread."""


class SpreadSection(Section):
    """Spreading weights over the fabric by multicast trees."""

    hops: int = Field(ge=0)
    """Domains of the node boundary that the longest line of the trees passes through."""
    tiers: list[SpreadTierSection]
    """One entry a tier, from the node boundary outwards, without the whole cluster."""


class FlowClaimSection(Section):
    """One flow between two jobs."""

    kind: Literal["weights", "samples", "kv"]
    """What flows."""
    source: Name
    """Name of the job that sends."""
    target: Name
    """Name of the job that receives."""
    every: Count
    """Steps from one time to the next."""
    total_bytes: float = Field(ge=0)
    """Bytes sent each time."""
    common: list[CommonSection]
    """Of weights what stages have in common."""
    tier_bytes: list[float]
    """Bytes that cross each tier each time, innermost first; 0 within the node boundary."""
    spread: SpreadSection | None = None
    """Of weights how long they take to spread."""


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
    flows_s: Cost = 0.0
    """The part of the objective that flows make up."""
    flows: list[FlowClaimSection] = Field(default_factory=list)
    """What is claimed of each flow."""
    shared: list[SharedSection]
    """What is shared, one entry a tier, innermost first."""


class SizesSection(Section):
    """The sizes with which a job may go on, in data-parallel replicas."""

    measured: Literal["dp", "replicas"]
    """What a size is told in."""
    least_dp: Count
    """The fewest; the same as the most of a job that is not elastic."""
    most_dp: Count
    """The most."""
    step_dp: Count
    """Replicas come and go in as many as this."""
    batch: Literal["fixed", "per_replica"]
    """What another size does to the global batch: it stays, or each replica keeps its share."""


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
    sizes: SizesSection | None = None
    """The sizes that it may have."""
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
