"""The authored topology file, as editors and loading see it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator

from planner.source import Authored, Title, mistake, require_unless_included
from planner.topology.fabric_schema import Fabric
from planner.units import Bandwidth, Bytes

TIER_NAME = r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$"
MOST_GPUS_A_NODE = 1024
ROW_KEYS = ("gpus", "nics", "gpu", "uplink", "host_name")
RESERVED = (*ROW_KEYS, "nic")


class GpuFigures(Authored):
    """Figures of a GPU model that is no preset."""

    name: Title
    """What the model is called."""
    tflops: dict[Literal["fp32", "fp16", "bf16", "fp8", "fp4"], Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict
    )
    """Dense TFLOP/s by precision."""
    memory: Bytes | None = None
    """Memory of one GPU, such as 80 GB."""
    memory_bandwidth: Bandwidth | None = None
    """Bandwidth of that memory, such as 3.35 TB/s."""
    scale_up: Bandwidth | None = None
    """Scale-up (NVLink) bandwidth per GPU and direction."""
    nic: Bandwidth | None = None
    """Usual NIC bandwidth per GPU and direction."""


def _gpu_form(value: object) -> str:
    return "figures" if isinstance(value, (dict, GpuFigures)) else "preset"


GpuSpec = Annotated[
    Annotated[str, Tag("preset")] | Annotated[GpuFigures, Tag("figures")], Discriminator(_gpu_form)
]


class Nics(Authored):
    """The NICs of one node."""

    count: int = Field(ge=1, le=MOST_GPUS_A_NODE)
    """NICs a node has. GPUs share them evenly in order."""
    bandwidth: Bandwidth
    """Bandwidth per NIC and direction, such as 400 Gb/s."""
    rails: bool = True
    """Whether NIC i of every node is on rail i."""


class TierSpec(Authored):
    """One tier: a nested grouping of GPUs."""

    name: str = Field(json_schema_extra={"pattern": TIER_NAME})
    """Name of the tier, and the key of its domains in each row."""
    uplink: Bandwidth | None = None
    """Bandwidth per direction out of each domain. Left out: traffic out of the domains is free."""
    scale_up: Bandwidth | None = None
    """Bandwidth per GPU and direction inside a domain, where it is one scale-up (NVLink) domain."""
    nics: Nics | None = None
    """NICs of each node; on the first tier only."""

    @field_validator("name")
    @classmethod
    def _is_a_word(cls, name: str) -> str:
        if re.match(TIER_NAME, name):
            return name
        raise mistake(
            "V009",
            f"{name[:60]!r} cannot be the name of a tier",
            expected="letters, digits, _ and -, the first a letter or _",
        )


class Row(BaseModel):
    """Nodes that are alike: the product of the name ranges of their tiers."""

    model_config = ConfigDict(
        extra="allow",
        strict=True,
        frozen=True,
        json_schema_extra={"additionalProperties": {"type": "string"}},
    )

    gpus: int = Field(ge=1, le=MOST_GPUS_A_NODE)
    """GPUs a node has."""
    nics: Nics | None = None
    """NICs of these nodes, instead of those of the first tier."""
    gpu: GpuSpec | None = None
    """GPU model of these nodes, instead of the cluster's."""
    uplink: Bandwidth | None = None
    """Uplink of these nodes, instead of the first tier's."""
    host_name: str | None = None
    """Host names of these nodes, instead of the cluster's template."""

    @property
    def names(self) -> dict[str, Any]:
        """Name range by tier, as authored: text, unless the author is mistaken."""
        return self.__pydantic_extra__ or {}


class Degraded(Authored):
    """Domains whose uplink is below that of their tier."""

    at: str
    """Selector of the domains, such as u017/r3."""
    uplink: Bandwidth
    """Bandwidth per direction that is left."""


class Topology(Authored):
    """A cluster: its tiers, its nodes, and what of it is out of service."""

    model_config = ConfigDict(json_schema_extra=require_unless_included)

    format_version: Literal[1]
    """Version of this format."""
    name: Title
    """Name of the cluster."""
    description: str | None = None
    """What the cluster is, for people."""
    include: str | None = None
    """A topology, by path or shipped name, whose keys hold where this file has none."""
    gpu: GpuSpec | None = None
    """GPU model: a preset such as h100, or its figures."""
    tiers: list[TierSpec] = Field(min_length=2, max_length=16)
    """Tiers, innermost (the node) first; the last one is the whole cluster."""
    domains: list[Row] = Field(min_length=1)
    """The nodes: each row is the product of its name ranges."""
    host_name: str | None = None
    """What launchers call a node, such as "{rack}-{node}"; by default the path's names joined with -."""
    down: list[str] = Field(default_factory=list)
    """Selectors of what is out of service, such as r05/n[01-02] or r07/n02/gpu5."""
    spare: list[str] = Field(default_factory=list)
    """Selectors of what is kept free unless the job would not fit."""
    degraded: list[Degraded] = Field(default_factory=list)
    """Domains with less uplink than their tier."""
    fabric: Fabric | None = None
    """The switches. Without it each domain is one switch."""
