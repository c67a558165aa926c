"""What a topology of Slurm's says, whichever of its files it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.errors import InputError, Problem
from planner.formats.hostlist import expand
from planner.topology.names import MOST_NAMES

if TYPE_CHECKING:
    from planner.formats.reading.slurm.lines import Value


@dataclass(frozen=True)
class SwitchLine:
    """A switch: the nodes or the switches beneath it, and how fast its uplink is said to be."""

    name: Value
    nodes: Value | None = None
    switches: Value | None = None
    speed: Value | None = None


@dataclass(frozen=True)
class GroupLine:
    """A block or a ring: nodes under one name."""

    name: Value
    nodes: Value | None = None


@dataclass(frozen=True)
class TorusLine:
    """A torus: its nodes in order, x fastest."""

    name: Value
    dims: tuple[int, int, int]
    nodes: Value | None = None


@dataclass
class Layout:
    """A topology: the lists of the kinds that it is not of are empty.

    Parameters
    ----------
    switches, blocks, rings, toruses
        In the order of the file.
    block_sizes
        Planning sizes of blocks, the base first.
    sizes_at
        Where these are given.
    whole
        Whether all of it is in this file, and none in files that it includes.
    """

    switches: list[SwitchLine] = field(default_factory=list)
    blocks: list[GroupLine] = field(default_factory=list)
    rings: list[GroupLine] = field(default_factory=list)
    toruses: list[TorusLine] = field(default_factory=list)
    block_sizes: list[int] = field(default_factory=list)
    sizes_at: Value | None = None
    flat: bool = False
    whole: bool = True


class HostLists:
    """Expands host lists, and notes those that cannot be.

    Parameters
    ----------
    findings
        Where notes go.
    """

    def __init__(self, findings: list[Problem]) -> None:
        self.findings = findings
        self._left = MOST_NAMES

    def expand(self, value: Value | None) -> list[str]:
        """The hosts of a list; none where it cannot be read.

        Raises
        ------
        InputError
            I021 where all lists of a file together are too many hosts.
        """
        if value is None:
            return []
        try:
            hosts = expand(value.text, value.position)
        except InputError as error:
            self.findings.extend(error.problems)
            return []
        if "ALL" in hosts:
            message = "ALL is a node of that name to Slurm in this place, and is left out"
            self.findings.append(Problem("I023", message, value.position, "names of nodes"))
            hosts = [host for host in hosts if host != "ALL"]
        self._left -= len(hosts)
        if self._left < 0:
            raise InputError.of("I021", "too many hosts in all lists together", position=value.position)
        return hosts
