"""The authored fleet file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from planner.source import Authored, Title, mistake

# pydantic reads these when the models are built.
from planner.units import Bytes
from planner.workload.schema import Parallelism

LARGEST_SIZE = 1_000_000
MOST_TOKENS = 1_000_000_000_000
LARGEST_PRIORITY = 1e6
MOST_JOBS = 64
RULE_KINDS = ("apart", "together", "pin")

Count = Annotated[int, Field(ge=1, le=LARGEST_SIZE)]
Tokens = Annotated[int, Field(ge=1, le=MOST_TOKENS)]


class Range(Authored):
    """A size that may be anything from a least to a most."""

    min: Count
    """The least; the fleet cannot be planned with less."""
    max: Count
    """The most that is of use."""

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if self.min > self.max:
            raise mistake("V011", f"min {self.min} is above max {self.max}", expected="min of at most max")
        return self


Size = Annotated[
    Annotated[int, Tag("fixed"), Field(ge=1, le=LARGEST_SIZE)] | Annotated[Range, Tag("elastic")],
    Discriminator(lambda value: "elastic" if isinstance(value, (dict, Range)) else "fixed"),
]


class ServingSection(Authored):
    """A model that answers requests: forward passes only, by copies that do not talk to each other."""

    model: str
    """Name or path of the model."""
    parallelism: Parallelism = Parallelism()
    """How one copy is split; cp and vp have no place here."""
    precision: Literal["fp32", "fp16", "bf16", "fp8", "mxfp8", "nvfp4"] = "bf16"
    """Format of its weights. Activations are in 16 bits."""
    tokens: Tokens
    """Tokens that one copy runs through the model in a step of the fleet."""
    keep: dict[str, str] = Field(default_factory=dict)
    """Hard rules: a group of this axis touches one domain of that tier."""


class RoleSection(Authored):
    """A part of a job with ranks of its own: something to place, or a placement that runs."""

    name: Title
    """Its name; its placement file is called JOB.ROLE."""
    workload: str | None = None
    """Workload file, or the name of one that ships with the planner."""
    serving: ServingSection | None = None
    """A model that answers requests; instead of `workload`."""
    running: str | None = None
    """Placement file of what runs and stays where it is; instead of `workload`."""
    dp: Size | None = None
    """Data-parallel replicas instead of the workload's: a number, or a range for an elastic job."""
    batch: Literal["fixed", "per_replica"] = "fixed"
    """What another `dp` does to the global batch: it stays, or each replica keeps its share of it."""
    replicas: Size | None = None
    """Copies of the workload that have nothing to say to each other: a number, or a range."""


class FlowSection(Authored):
    """What one role of a job sends to another every so many steps."""

    kind: Literal["weights", "samples", "kv"]
    """weights: each shard to all that hold it; samples, kv: from any copy of a role to any of the other."""
    from_: str = Field(alias="from")
    """Role that sends."""
    to: str
    """Role that receives."""
    every: Count = 1
    """Steps from one time to the next."""
    bytes_: Bytes | None = Field(default=None, alias="bytes")
    """Bytes in all, each time. Default: those of the model's weights; of `tokens` keys and values."""
    tokens: Tokens | None = None
    """For kv: tokens whose keys and values are sent, each time."""


class JobSection(RoleSection):
    """One job of the fleet: a workload to place, a placement that runs, or several roles."""

    name: Title
    """Name of the job, and of its placement file."""
    priority: float = Field(default=1.0, gt=0, le=LARGEST_PRIORITY)
    """What a second of this job's uplink time weighs, and its share of what elastic jobs can get."""
    roles: list[RoleSection] | None = Field(default=None, min_length=1, max_length=MOST_JOBS)
    """Parts with ranks of their own, which are placed together; instead of `workload`."""
    flows: list[FlowSection] = Field(default_factory=list)
    """What the roles send to each other."""


class Apart(Authored):
    """Jobs that share no domain of a tier."""

    jobs: list[str] = Field(min_length=2)
    """Names of the jobs; each of them keeps apart from each other."""
    tier: str
    """Name of a tier of the topology."""


class Together(Authored):
    """Jobs that lie within one domain of a tier."""

    jobs: list[str] = Field(min_length=1)
    """Names of the jobs."""
    tier: str
    """Name of a tier of the topology."""


class Pin(Authored):
    """A job that lies on chosen hardware."""

    job: str
    """Name of the job."""
    to: list[str] = Field(min_length=1)
    """Selectors of the hardware, such as p01 or p02/u[01-04]."""


class RuleSection(Authored):
    """One rule: exactly one of the kinds below."""

    apart: Apart | None = None
    """Jobs that share no domain of a tier."""
    together: Together | None = None
    """Jobs that lie within one domain of a tier."""
    pin: Pin | None = None
    """A job that lies on chosen hardware."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in RULE_KINDS if getattr(self, kind) is not None]
        if len(given) > 1:
            raise mistake(
                "R002",
                f"{' and '.join(given)} in one rule",
                expected="one rule in each item",
                suggestion="give each its own item",
            )
        if not given:
            raise mistake("R001", "no rule in this item", expected=f"one of {', '.join(RULE_KINDS)}")
        return self


class FleetFile(Authored):
    """Several jobs that share a cluster."""

    format_version: Literal[1]
    """Version of this format."""
    name: Title
    """Name of the fleet."""
    jobs: list[JobSection] = Field(min_length=1, max_length=MOST_JOBS)
    """The jobs, those that run among them."""
    rules: list[RuleSection] = Field(default_factory=list)
    """What must hold between jobs."""
