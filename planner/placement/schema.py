"""What a placement file says: the sections of its one JSON document.

Long columns that repeat are stored as runs or ranges; the columns of the rank table are plain, one
entry a rank, so that any language reads them with its JSON parser alone. The first GPU of node n is
the sum of the GPU counts of all nodes before it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

# pydantic reads these when the models are built.
from planner.placement.column import LARGEST_INDEX, Indices, IndicesOrNone
from planner.placement.placement import Objective, Status
from planner.units import LARGEST_BYTES
from planner.workload.family import Kind

FORMAT = "planner-placement"
FORMAT_VERSION = 1
# Far more than anything authored can lead to, and far from where floats end.
LARGEST_AMOUNT = 1e60
# An uplink, of which NICs out of service may leave a part or nothing, adds up at most 1,024 NICs.
LEAST_RATE, LARGEST_RATE = 1e-4, 1e22

Index = Annotated[int, Field(ge=0, le=LARGEST_INDEX)]
IndexOrNone = Annotated[int, Field(ge=-1, le=LARGEST_INDEX)]
Count = Annotated[int, Field(ge=1, le=LARGEST_INDEX)]
Amount = Annotated[float, Field(ge=0, le=LARGEST_AMOUNT)]
Volume = Annotated[float, Field(ge=0, le=LARGEST_BYTES)]


def _possible(rate: float) -> float:
    """`rate`, unless it is so small that nothing could be divided by it."""
    if 0 < rate < LEAST_RATE:
        raise ValueError(f"Input should be 0 or at least {LEAST_RATE:g}")
    return rate


Rate = Annotated[float, Field(ge=0, le=LARGEST_RATE), AfterValidator(_possible)]
Cost = Amount | Literal["inf"]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
AxisName = Literal["tp", "cp", "ep", "edp", "dp", "pp"]


def _printable(name: str) -> str:
    """`name`, unless something in it would move the cursor."""
    if not name.isprintable():
        raise ValueError("Input should hold printable characters only")
    return name


def _all_printable(names: list[str]) -> list[str]:
    """`names`, unless something in one of them would move the cursor."""
    _printable("".join(names))
    return names


Text = Annotated[str, Field(max_length=1000)]
Name = Annotated[Text, AfterValidator(_printable)]
# To look at tens of thousands of names one by one takes longer than to read them.
Names = Annotated[list[Text], AfterValidator(_all_printable)]


class Section(BaseModel):
    """Base of all sections: nothing unknown, nothing converted, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class IndexRuns(Section):
    """A column of whole numbers: ``values[i]`` stands ``counts[i]`` times in a row."""

    values: list[Index]
    counts: list[Count]


class RateRuns(Section):
    """A column of bandwidths: ``values[i]`` stands ``counts[i]`` times in a row."""

    values: list[Rate]
    counts: list[Count]


class Ranges(Section):
    """A set of indices: everything from ``first[i]`` to ``last[i]``."""

    first: list[Index]
    last: list[Index]


class Domains(Section):
    """Domains that follow one another: the same names inside `repeat` parents in a row."""

    parent: Index
    """Enclosing domain of the first ones, an index into the next tier; 0 at the outermost tier."""
    names: Name | list[Name]
    """A range of names such as ``t[01-18]``, or a list."""
    repeat: Count


class TierSection(Section):
    """One nested grouping of GPUs."""

    name: Name
    domains: list[Domains]
    uplink_bytes_per_s: RateRuns | None
    """Per direction out of each domain; null where leaving is free."""
    scale_up_bytes_per_s: Rate | None
    """Per GPU and direction, where a domain is one NVLink domain."""


class GpuKind(Section):
    """Figures of one GPU model."""

    name: Name
    tflops: dict[str, Amount]
    memory_bytes: Volume | None
    memory_bytes_per_s: Rate | None
    scale_up_bytes_per_s: Rate | None
    nic_bytes_per_s: Rate | None


class NodeShape(Section):
    """What many nodes have in common: their GPUs and NICs."""

    gpu_kind: list[Index]
    """Of each GPU, an index into ``gpu_kinds``."""
    gpu_nic: list[IndexOrNone]
    """NIC that a GPU's traffic takes, an index in the node; -1 for none."""
    gpu_rail: list[IndexOrNone]
    nic_local: list[Index]
    nic_rail: list[IndexOrNone]
    nic_bytes_per_s: list[Rate]
    nic_in_service: list[bool]


class TopologySection(Section):
    """The cluster that was planned on."""

    name: Name
    boundary: Name
    """Tier at which traffic goes onto NICs."""
    tiers: Annotated[list[TierSection], Field(min_length=1, max_length=16)]
    """Innermost first; the first is the node, the last the whole cluster."""
    gpu_kinds: list[GpuKind]
    node_shapes: list[NodeShape]
    shape_of_node: IndexRuns
    """An index into ``node_shapes`` for every node."""
    out_of_service: Ranges
    """GPUs that must never hold a rank."""
    spare: Ranges
    """GPUs that are kept free unless the job would not fit."""
    host_names: Names
    """What launchers call each node."""
    fabric: dict[str, JsonValue] | None
    """The switches, as a topology file writes them."""
    authored_digest: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    """SHA-256 of the topology file and all it includes; empty where there was none."""


class MeshSection(Section):
    """Degrees of parallelism; ranks run through the axes in `rank_order`, the first fastest."""

    tp: Count
    cp: Count
    ep: Count
    dp: Count
    pp: Count
    vp: Count
    rank_order: Annotated[list[str], Field(max_length=8)]


class FamilySection(Section):
    """Groups of ranks that differ along some axes only, and what each moves in one step."""

    name: Name
    axes: Annotated[list[AxisName], Field(min_length=1, max_length=4)]
    kind: Kind
    payload_bytes: list[Volume]
    stages: list[Index] | None


class WorkloadSection(Section):
    """The job that was planned."""

    name: Name
    mesh: MeshSection
    families: list[FamilySection]
    keep: dict[str, str]
    """Axis to tier: a group of that axis touches one domain of that tier."""
    memory_bytes: list[Volume] | None
    """Bytes a GPU of each stage needs."""
    description: dict[str, JsonValue]
    """The authored document."""


class TierClaimSection(Section):
    """Crossing bytes of one tier and their proven lower bound."""

    tier: Name
    crossing_bytes: Amount
    lower_bound_bytes: Amount


class ClaimsSection(Section):
    """What the solver says of the placement."""

    objective: Objective
    value: Cost
    lower_bound: Cost
    gap: Cost
    """(value - lower_bound) / lower_bound."""
    status: Status
    weighted_s: Cost
    tiers: list[TierClaimSection]


class InputDigests(Section):
    """SHA-256 of what was planned on and what was planned, as this file states them."""

    topology: Digest
    workload: Digest


class RankTable(Section):
    """Where every rank is; all columns have one entry a rank."""

    gpu: Indices
    """GPU, numbered through the cluster."""
    node: Indices
    """Index into ``topology.host_names``."""
    local_gpu: Indices
    """Index of the GPU in its node."""
    nic: IndicesOrNone
    """Index of the NIC in the node, -1 for none."""
    rail: IndicesOrNone


class PlacementFile(Section):
    """A placement: what was planned, on what, which rank goes where, and what is claimed of it."""

    format: Literal["planner-placement"]
    format_version: Literal[1]
    planner_version: Name
    digest: Digest
    """SHA-256 of the whole file with the digits of this digest replaced by zeros."""
    inputs: InputDigests
    claims: ClaimsSection
    workload: WorkloadSection
    topology: TopologySection
    ranks: RankTable
