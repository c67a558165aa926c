"""Slurm's topology.yaml, of version 25.05 and later: a tree, blocks, rings or a torus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.formats.site.labels import clean
from planner.formats.writing.options import Option, refuse_idle
from planner.formats.writing.slurm_switches import TIER, blocks, host_list, switches
from planner.topology.fabric_schema import Torus

if TYPE_CHECKING:
    from planner.topology.cluster import Cluster

OPTIONS = (
    Option("kind", "tree", "the topology plugin of Slurm", choices=("tree", "block", "ring", "torus3d")),
    TIER,
)


def text(cluster: Cluster, options: dict[str, str]) -> str:
    """A file with one topology, which is the cluster's default.

    Raises
    ------
    UsageError
        E041 for a ring or a torus that the cluster's fabric is not.
    """
    kind = options["kind"]
    if kind != "block":
        refuse_idle(OPTIONS, options, {TIER.name: "kind=block"})
    body = {
        "tree": lambda: _tree(cluster),
        "block": lambda: _blocks(cluster, options["tier"]),
        "ring": lambda: _ring(cluster),
        "torus3d": lambda: _torus(cluster),
    }[kind]()
    name = json.dumps(clean(cluster.name) or "cluster")
    return "\n".join(["---", f"- topology: {name}", "  cluster_default: true", f"  {kind}:", *body, ""])


def _tree(cluster: Cluster) -> list[str]:
    lines = ["    switches:"]
    for switch in switches(cluster):
        beneath = (
            f"nodes: {_quoted(switch.nodes)}" if switch.nodes else f"children: {_quoted(switch.children)}"
        )
        lines += [f"      - switch: {_quoted(switch.name)}", f"        {beneath}"]
    return lines


def _blocks(cluster: Cluster, tier: str) -> list[str]:
    found = blocks(cluster, tier)
    lines = ["    block_sizes:", *(f"      - {size}" for size in found.sizes), "    blocks:"]
    for name, nodes in found.nodes.items():
        lines += [f"      - block: {_quoted(name)}", f"        nodes: {_quoted(nodes)}"]
    return lines


def _ring(cluster: Cluster) -> list[str]:
    _dims(cluster, 1)
    return ["    rings:", '      - ring: "ring"', f"        nodes: {_quoted(host_list(cluster.host_names))}"]


def _torus(cluster: Cluster) -> list[str]:
    x, y, z = _dims(cluster, 3)
    return [
        "    toruses:",
        '      - name: "torus"',
        f"        dims: {{x: {x}, y: {y}, z: {z}}}",
        f"        nodes: {_quoted(host_list(cluster.host_names))}",
    ]


def _dims(cluster: Cluster, number: int) -> list[int]:
    """The dimensions of a torus, filled up with ones; both count the first fastest."""
    fabric = cluster.fabric
    if not isinstance(fabric, Torus) or len(fabric.dims) > number:
        raise UsageError.of(
            "E041",
            f"the cluster is no torus of {number} dimensions" if number > 1 else "the cluster is no ring",
            expected="a fabric of kind torus in the topology file",
            suggestion="--option kind=tree",
        )
    return [*fabric.dims, *[1] * (number - len(fabric.dims))]


def _quoted(word: str) -> str:
    return json.dumps(word)
