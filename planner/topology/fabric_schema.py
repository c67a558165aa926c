"""The ``fabric:`` part of a topology file: which switches stand where, and how they are joined."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from planner.source import Authored
from planner.units import Bandwidth

Count = Annotated[int, Field(ge=1, le=100_000)]


class Clos(Authored):
    """A fat tree: every domain has switches of its own, and what lies beneath is joined to each."""

    kind: Literal["clos"]
    """A fat tree."""
    switches: dict[str, Count] = Field(default_factory=dict)
    """Switches a domain, by tier; 1 where left out."""


class RailOptimized(Authored):
    """NIC i of every node of a unit goes to the leaves of rail i; spines join the leaves."""

    kind: Literal["rail_optimized"]
    """One set of leaves for each rail."""
    unit: str
    """Tier whose domains have leaves of their own."""
    rails: Count
    """Rails a node."""
    planes: Count = 1
    """Separate networks that each NIC is split over."""
    leaves: Count = 1
    """Leaves for each rail and plane of a unit."""
    spines: Count
    """Spines in each plane, joined to all its leaves."""


class Torus(Authored):
    """Nodes as a torus: each is joined to its two neighbours along every dimension."""

    kind: Literal["torus"]
    """A torus of nodes."""
    dims: list[Count] = Field(min_length=1, max_length=6)
    """Nodes along each dimension, the first fastest in authored order."""
    bandwidth: Bandwidth
    """Bandwidth of one link, per direction."""


class Dragonfly(Authored):
    """Groups of fully joined switches, and one link between each two groups."""

    kind: Literal["dragonfly"]
    """A dragonfly."""
    group: str
    """Tier whose domains are the groups."""
    switches: Count
    """Switches a group; its nodes are dealt out to them in turn."""
    local: Bandwidth
    """Bandwidth of a link between two switches of a group, per direction."""
    between_groups: Bandwidth
    """Bandwidth of a link between two groups, per direction."""


class Link(Authored):
    """Links from each of some things to each of some others."""

    ends: list[str] = Field(min_length=2, max_length=2)
    """Two name ranges of switches, or selectors of nodes."""
    bandwidth: Bandwidth
    """Bandwidth of one link, per direction."""
    count: Count = 1
    """Parallel links."""
    nic: Annotated[int, Field(ge=0, lt=1024)] | None = None
    """NIC of each node that the links belong to; where that is out of service they carry nothing."""


class Links(Authored):
    """Every switch and link named."""

    kind: Literal["links"]
    """Explicit links."""
    switches: list[str] = Field(default_factory=list)
    """Name ranges of the switches."""
    links: list[Link] = Field(min_length=1)
    """The links."""


Fabric = Annotated[Clos | RailOptimized | Torus | Dragonfly | Links, Field(discriminator="kind")]
