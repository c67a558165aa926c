"""Slurm: topology.conf, topology.yaml, slurm.conf, and what ``scontrol show`` prints of them.

Trees become switches and links, from which tiers are derived as for any fabric; blocks, rings and
tori become tiers of their own. GPUs and health come from slurm.conf or ``scontrol show node``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from planner.errors import InputError, Problem
from planner.formats.reading.slurm.configuration import layout_of
from planner.formats.reading.slurm.document import chosen_layout, topologies
from planner.formats.reading.slurm.groups import add_blocks, add_rings, add_toruses
from planner.formats.reading.slurm.layout import HostLists
from planner.formats.reading.slurm.lines import records
from planner.formats.reading.slurm.nodes import add_nodes
from planner.formats.reading.slurm.tree import add_tree
from planner.formats.site.site import Site

if TYPE_CHECKING:
    from planner.formats.reading.slurm.layout import Layout
    from planner.formats.reading.slurm.lines import Record
    from planner.formats.site.site import Source

_LINE = re.compile(
    r"^\s*(?:SwitchName|BlockName|AggregatedBlock|BlockSizes|NodeName)\s*=", re.IGNORECASE | re.MULTILINE
)


def recognises(source: Source) -> bool:
    """Whether it has lines of Slurm's, or lists topologies of its kinds."""
    return _has_lines(source) or bool(topologies(source))


def read(source: Source) -> Site:
    """The hosts that Slurm knows, with the topology and the GPUs that the file gives them.

    Raises
    ------
    InputError
        Where there is no host, with the findings that may say why.
    """
    site = Site()
    lists = HostLists(site.findings)
    found: list[Record] = []
    if _has_lines(source):
        found = records(source, site.findings)
        layout = layout_of(found, site.findings)
    elif topologies(source):
        layout = chosen_layout(source, site.findings)
    else:
        raise _nothing(source)
    _add_layout(site, layout, lists)
    add_nodes(site, found, lists)
    site.name = next((record.name.text for record in found if record.kind == "clustername"), "")
    if not site.hosts and not layout.flat:
        raise InputError(_nothing(source).problems[0], *site.findings)
    return site


def _has_lines(source: Source) -> bool:
    return _LINE.search(source.text) is not None


def _add_layout(site: Site, layout: Layout, lists: HostLists) -> None:
    """The first kind of topology that the layout has; a file of several kinds is odd."""
    kinds = (
        ([line.name for line in layout.switches], add_tree),
        ([line.name for line in layout.blocks], add_blocks),
        ([line.name for line in layout.rings], add_rings),
        ([line.name for line in layout.toruses], add_toruses),
    )
    used = [(names, add) for names, add in kinds if names]
    for names, _ in used[1:]:
        message = f"{names[0].text} belongs to a second kind of topology, which is left out"
        site.findings.append(Problem("I026", message, names[0].position))
    if used:
        used[0][1](site, layout, lists)
    if layout.flat:
        site.assumptions.append("Slurm's topology is flat: all nodes are alike.")


def _nothing(source: Source) -> InputError:
    return InputError.of(
        "I028",
        f"{source.name} describes no nodes",
        expected="SwitchName=, BlockName= or NodeName= lines, or a topology.yaml",
        position=source.position(1),
    )
