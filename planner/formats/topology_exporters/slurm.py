"""Slurm's topology.conf: a tree of switches, or blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.formats.writing.options import Option, refuse_idle
from planner.formats.writing.slurm_switches import TIER, blocks, switches

if TYPE_CHECKING:
    from planner.formats.writing.slurm_switches import Switch
    from planner.topology.cluster import Cluster

OPTIONS = (
    Option("kind", "tree", "the topology plugin of Slurm that reads the file", choices=("tree", "block")),
    TIER,
)


def text(cluster: Cluster, options: dict[str, str]) -> str:
    """The file that ``TopologyPlugin=topology/tree`` or ``topology/block`` reads."""
    kind = options["kind"]
    if kind != "block":
        refuse_idle(OPTIONS, options, {TIER.name: "kind=block"})
    head = [f"# {cluster.name}; slurm.conf needs TopologyPlugin=topology/{kind}"]
    return "\n".join([*head, *(_tree(cluster) if kind == "tree" else _blocks(cluster, options["tier"])), ""])


def _tree(cluster: Cluster) -> list[str]:
    return [f"SwitchName={switch.name} {_beneath(switch)}" for switch in switches(cluster)]


def _beneath(switch: Switch) -> str:
    return f"Nodes={switch.nodes}" if switch.nodes else f"Switches={switch.children}"


def _blocks(cluster: Cluster, tier: str) -> list[str]:
    found = blocks(cluster, tier)
    lines = [f"BlockName={name} Nodes={nodes}" for name, nodes in found.nodes.items()]
    return [*lines, f"BlockSizes={','.join(map(str, found.sizes))}"]
