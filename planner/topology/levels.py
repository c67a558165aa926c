"""How far above the nodes each switch stands."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    Neighbours = Mapping[str, Collection[str]]


def switch_levels(nodes: Neighbours, switches: Neighbours, given: Collection[str] = ()) -> dict[str, int]:
    """Level of each switch that nodes can reach: its distance from the nearest node, leaves being 1.

    A switch with a few nodes, joined to many leaves that have more, stands above them: what hangs
    on it was plugged into the wrong switch, or manages the fabric.

    Parameters
    ----------
    nodes, switches
        Nodes and other switches that each switch is joined to.
    given
        Switches whose level is known otherwise; those with nodes are leaves here.
    """
    leaves = [name for name, own in nodes.items() if own]
    return _distances(
        switches, [name for name in leaves if name in given or not _stands_above(nodes, switches, name)]
    )


def _stands_above(nodes: Neighbours, switches: Neighbours, name: str) -> bool:
    """Whether a switch with nodes is joined to more leaves than nodes, and most of those have many more."""
    own = len(nodes[name])
    beside = [len(nodes[other]) for other in switches.get(name, ()) if nodes.get(other)]
    return len(beside) > own and 2 * own <= median(beside)


def _distances(switches: Neighbours, leaves: Iterable[str]) -> dict[str, int]:
    """Distance of every switch from the nodes, by way of `leaves` only."""
    level = dict.fromkeys(leaves, 1)
    reached = list(level)
    for switch in reached:
        for other in switches.get(switch, ()):
            if other not in level:
                level[other] = level[switch] + 1
                reached.append(other)
    return level
