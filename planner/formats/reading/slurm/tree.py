"""Trees of switches, as switches and links of a site."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.site.site import Host, Link, Switch
from planner.topology.names import compress

if TYPE_CHECKING:
    from planner.errors import Position
    from planner.formats.reading.slurm.layout import HostLists, Layout, SwitchLine
    from planner.formats.site.site import Site

MBIT = 1e6 / 8
# Rates that cannot be meant otherwise; Slurm gives LinkSpeed no unit and does not use it.
RATES = {rate * 1000: rate * 1000 * MBIT for rate in (10, 25, 40, 50, 56, 100, 200, 400, 800, 1600)}


@dataclass
class _Tree:
    """What lies beneath each switch, and where the file says so."""

    nodes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    children: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    at: dict[tuple[str, str], Position | None] = field(default_factory=dict)


def add_tree(site: Site, layout: Layout, lists: HostLists) -> None:
    """Add hosts, switches and links; what is odd about the tree goes to the site's findings."""
    tree = _Tree()
    for line in layout.switches:
        _add_line(site, tree, line, lists)
    _report_shared_nodes(site, tree)
    _report_parents(site, tree)
    if layout.whole:
        _report_missing(site, tree)
    _break_circles(site, tree)
    _set_levels(site, tree)
    _link(site, tree, _speeds(site, layout.switches))


def _add_line(site: Site, tree: _Tree, line: SwitchLine, lists: HostLists) -> None:
    name, place = line.name.text, line.name.position
    if name in site.switches:
        site.findings.append(Problem("I082", f"switch {name} is described twice; both hold", place))
    site.switches.setdefault(name, Switch(name, position=place))
    nodes, children = lists.expand(line.nodes), lists.expand(line.switches)
    if nodes and children:
        site.findings.append(
            Problem("I023", f"switch {name} has nodes and switches, which Slurm refuses", place)
        )
    elif not nodes and not children:
        site.findings.append(Problem("I023", f"nothing lies beneath switch {name}", place))
    for value, names, into in ((line.nodes, nodes, tree.nodes), (line.switches, children, tree.children)):
        for each in dict.fromkeys(names):
            if (name, each) not in tree.at:
                into[name].append(each)
                tree.at[name, each] = value.position if value else None
    for host in nodes:
        site.hosts.setdefault(host, Host(host, position=line.nodes.position if line.nodes else None))


def _report_shared_nodes(site: Site, tree: _Tree) -> None:
    """Report nodes under several switches, once for every two switches."""
    first: dict[str, str] = {}
    shared: dict[tuple[str, str], list[str]] = defaultdict(list)
    for switch, nodes in tree.nodes.items():
        for node in nodes:
            if first.setdefault(node, switch) != switch:
                shared[first[node], switch].append(node)
    for (one, other), nodes in shared.items():
        message = f"{compress(nodes)} under {other} as well as under {one}"
        site.findings.append(Problem("I024", message, tree.at[other, nodes[0]], "a node under one switch"))


def _report_parents(site: Site, tree: _Tree) -> None:
    parent: dict[str, str] = {}
    for switch, children in tree.children.items():
        for child in children:
            if parent.setdefault(child, switch) != switch:
                message = f"switch {child} under {switch} as well as under {parent[child]}"
                place = tree.at[switch, child]
                site.findings.append(Problem("I025", message, place, "a switch under one other"))


def _report_missing(site: Site, tree: _Tree) -> None:
    """Report switches that are named beneath another and never described."""
    for switch, children in tree.children.items():
        missing = [child for child in children if child not in site.switches]
        if missing:
            message = f"{compress(missing)} under {switch}, but described nowhere"
            site.findings.append(
                Problem("I023", message, tree.at[switch, missing[0]], "a SwitchName line for each switch")
            )


def _break_circles(site: Site, tree: _Tree) -> None:
    """Take a link out of every circle of switches, and report it."""
    while True:
        try:
            TopologicalSorter(tree.children).prepare()
        except CycleError as error:
            child, parent = error.args[1][:2]
            tree.children[parent].remove(child)
            message = f"switch {child} under {parent} closes a circle; that is left out"
            site.findings.append(Problem("I025", message, tree.at[parent, child], "a tree of switches"))
        else:
            return


def _set_levels(site: Site, tree: _Tree) -> None:
    """Leaves are level 1, and every other switch one above the highest beneath it."""
    for name in TopologicalSorter(tree.children).static_order():
        beneath = [site.switches[child].level or 1 for child in tree.children.get(name, ())]
        switch = site.switches.setdefault(name, Switch(name))
        switch.level = 1 + max(beneath, default=0)
    for switch in site.switches.values():
        switch.level = switch.level or 1


def _link(site: Site, tree: _Tree, speeds: dict[str, float]) -> None:
    for switch, nodes in tree.nodes.items():
        site.links += [Link((switch, node), position=tree.at[switch, node]) for node in nodes]
    for switch, children in tree.children.items():
        site.links += [
            Link((switch, child), speeds.get(child), position=tree.at[switch, child]) for child in children
        ]


def _speeds(site: Site, lines: list[SwitchLine]) -> dict[str, float]:
    """Bandwidth of each switch's uplink, where every LinkSpeed is a usual rate in Mb/s."""
    for line in lines:
        if line.speed and not line.speed.text.isdecimal():
            message = f"LinkSpeed {line.speed.text[:60]!r} is no number, and is left out"
            site.findings.append(Problem("I022", message, line.speed.position, "a number"))
    given = {line.name.text: line.speed.text for line in lines if line.speed and line.speed.text.isdecimal()}
    speeds = {name: RATES.get(int(text)) if len(text) < 9 else None for name, text in given.items()}
    known = {name: speed for name, speed in speeds.items() if speed is not None}
    if known and len(known) == len(given):
        site.assumptions.append(
            "LinkSpeed is the bandwidth of a switch's uplink in Mb/s; Slurm itself gives it no unit."
        )
        return known
    if set(given.values()) - {"0", "1"}:
        site.assumptions.append("LinkSpeed is left out: its numbers are no usual rates in Mb/s.")
    return {}
