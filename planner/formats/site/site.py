"""What a foreign description says of a site, before it becomes a topology file.

Every importer fills in what its format knows and leaves the rest out; several sites are joined
into one before tiers are derived and the topology file is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from planner.errors import Position, Problem


@dataclass(frozen=True)
class Source:
    """One foreign file: the name it is shown by, and its text, whose lines all end in a line feed."""

    name: str
    text: str

    @cached_property
    def lines(self) -> list[str]:
        """Lines of the text, without their ends."""
        return self.text.split("\n")

    def position(self, line: int, column: int = 1, length: int = 1) -> Position:
        """Position of `line` and `column`, both counted from 1."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return Position(self.name, line, column, length, text)


@dataclass
class Nic:
    """A network adapter of a host.

    Parameters
    ----------
    name
        As its host calls it, such as ``mlx5_0``; empty where that is not known.
    bytes_per_s
        Bandwidth per direction, or None where the source does not say.
    rail
        Place among the host's adapters, which is its rail; None where the source does not say.
    down
        Why it is out of service; None where it is not.
    """

    name: str
    bytes_per_s: float | None = None
    rail: int | None = None
    down: str | None = None


@dataclass
class Node:
    """What a host is made of, as sources inside of it say.

    Parameters
    ----------
    gpus
        Number of GPUs, or None where the source does not say.
    gpu_model
        A GPU preset, or whatever the source calls the model.
    gpus_down
        Index of each GPU that is out of service, and why.
    nics
        Network adapters in order, or None where the source does not say.
    scale_up_bytes_per_s
        NVLink bandwidth per GPU and direction.
    scale_up_links
        NVLinks of each GPU, where the source counts them but does not say how fast they are.
    """

    gpus: int | None = None
    gpu_model: str | None = None
    gpus_down: dict[int, str] = field(default_factory=dict)
    nics: list[Nic] | None = None
    scale_up_bytes_per_s: float | None = None
    scale_up_links: int | None = None


@dataclass
class Host:
    """One host.

    Parameters
    ----------
    name
        What launchers call it.
    node
        What it is made of.
    groups
        Name of the domain it lies in, by tier, where the source itself names tiers.
    scale_up
        The NVLink domain it shares with other hosts, where there is one.
    down
        Why it is out of service; None where it is not.
    spare
        Why it is kept free unless the job would not fit; None where it is not.
    position
        Where the source names it first.
    """

    name: str
    node: Node = field(default_factory=Node)
    groups: dict[str, str] = field(default_factory=dict)
    scale_up: str | None = None
    down: str | None = None
    spare: str | None = None
    position: Position | None = None


@dataclass
class Switch:
    """One switch; `level` counts from 1 at the leaves where the source says it."""

    name: str
    level: int | None = None
    position: Position | None = None


@dataclass(frozen=True)
class Link:
    """Parallel links between two switches, or a host and a switch.

    Parameters
    ----------
    ends
        Names of hosts or switches.
    bytes_per_s
        Bandwidth of one link, per direction; None where the source does not say.
    count
        Parallel links.
    nic
        Index of the host's adapter, where an end is a host and it is known.
    """

    ends: tuple[str, str]
    bytes_per_s: float | None = None
    count: int = 1
    nic: int | None = None
    position: Position | None = None


@dataclass
class Site:
    """All that some sources say.

    Parameters
    ----------
    name
        Name of the cluster; empty where the source has none.
    hosts, switches
        By name.
    links
        Between hosts and switches.
    tiers
        Tiers that `Host.groups` names, innermost first; the node and the whole cluster are not
        among them.
    uplink_bytes_per_s
        Bandwidth per direction out of a domain, by tier and domain, where the source says it.
    node
        What every host is made of that does not say otherwise.
    findings
        What is odd about the sources.
    assumptions
        Sentences about what was assumed, for the head of the topology file.
    """

    name: str = ""
    hosts: dict[str, Host] = field(default_factory=dict)
    switches: dict[str, Switch] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    tiers: list[str] = field(default_factory=list)
    uplink_bytes_per_s: dict[str, dict[str, float]] = field(default_factory=dict)
    node: Node = field(default_factory=Node)
    findings: list[Problem] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)
