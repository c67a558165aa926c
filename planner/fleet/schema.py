"""The authored fleet file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from planner.source import Authored, Title, mistake

LARGEST_SIZE = 1_000_000
LARGEST_PRIORITY = 1e6
MOST_JOBS = 64
RULE_KINDS = ("apart", "together", "pin")

Count = Annotated[int, Field(ge=1, le=LARGEST_SIZE)]


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


class JobSection(Authored):
    """One job of the fleet: a workload to place, or a placement that runs."""

    name: Title
    """Name of the job, and of its placement file."""
    workload: str | None = None
    """Workload file, or the name of one that ships with the planner."""
    running: str | None = None
    """Placement file of a job that runs and stays where it is; instead of `workload`."""
    priority: float = Field(default=1.0, gt=0, le=LARGEST_PRIORITY)
    """What a second of this job's uplink time weighs, and its share of what elastic jobs can get."""
    dp: Size | None = None
    """Data-parallel replicas instead of the workload's: a number, or a range for an elastic job."""
    batch: Literal["fixed", "per_replica"] = "fixed"
    """What another `dp` does to the global batch: it stays, or each replica keeps its share of it."""
    replicas: Size | None = None
    """Copies of the workload that have nothing to say to each other: a number, or a range."""


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
