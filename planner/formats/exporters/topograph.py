"""Topograph's model of a cluster, ``model.yaml``: the tree of switches and the nodes beneath each.

Every domain above the nodes is a switch, and all nodes of the cluster are there, whether they hold
ranks or not. Where a domain of several nodes is one scale-up (NVLink) domain, its nodes bear it as
``accelerator.topology.test/domain``. Topograph makes Slurm's topology and Kubernetes labels of it;
the ranks themselves are in ``ranks.csv`` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.formats.exporters import Export
from planner.formats.hostlist import compress, entries
from planner.formats.writing.data import to_yaml
from planner.formats.writing.seats import Host, require_plain_names

if TYPE_CHECKING:
    from planner.formats.writing.options import Option
    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster

OPTIONS: tuple[Option, ...] = ()
DOMAIN = "accelerator.topology.test/domain"
NOTES = (
    (
        "Topograph reads the model with one of its simulated providers, such as `aws-sim` with"
        " `modelFileName: model.yaml`, and its engines write what a scheduler takes."
    ),
    "A model says where nodes are, not which rank is on which: the order of the ranks is in `ranks.csv`.",
)


def export(placement: Placement, options: dict[str, str]) -> Export:  # noqa: ARG001  # it has none
    """The model of the whole cluster."""
    cluster = placement.cluster
    require_plain_names((Host(name, (), ()) for name in cluster.host_names), "topograph")
    model = to_yaml({"switches": _switches(cluster), "blocks": [*_blocks(cluster)]})
    return Export({"model.yaml": model}, notes=NOTES)


def _switches(cluster: Cluster) -> dict[str, dict[str, list[str]]]:
    """Every domain above the nodes by its identifier, outermost first, with those right beneath it."""
    found: dict[str, dict[str, list[str]]] = {}
    for tier in range(len(cluster.tiers) - 1, 0, -1):
        for domain in range(cluster.tiers[tier].domains):
            found[_identifier(cluster, tier, domain)] = {}
        if tier > 1:
            for inner, parent in enumerate(cluster.tiers[tier - 1].parent.tolist()):
                beneath = found[_identifier(cluster, tier, parent)].setdefault("switches", [])
                beneath.append(_identifier(cluster, tier - 1, inner))
    return found


def _blocks(cluster: Cluster) -> list[dict[str, Any]]:
    """The nodes of each innermost switch."""
    names: dict[int, list[str]] = {}
    for node, parent in enumerate(cluster.tiers[0].parent.tolist()):
        names.setdefault(parent, []).append(cluster.host_names[node])
    return [
        {
            "switch": _identifier(cluster, 1, domain),
            "nodes": entries(compress(nodes)),
            **_scale_up(cluster, domain),
        }
        for domain, nodes in names.items()
    ]


def _scale_up(cluster: Cluster, domain: int) -> dict[str, dict[str, str]]:
    """The scale-up domain that a domain of the tier above the nodes lies in, if nodes share one."""
    if cluster.boundary == 0 or cluster.tiers[cluster.boundary].scale_up_bytes_per_s is None:
        return {}
    for tier in range(1, cluster.boundary):
        domain = int(cluster.tiers[tier].parent[domain])
    return {"annotations": {DOMAIN: _identifier(cluster, cluster.boundary, domain)}}


def _identifier(cluster: Cluster, tier: int, domain: int) -> str:
    """A name that no other domain has, whatever tier it is of."""
    path = cluster.domain_path(tier, domain).replace("/", ".")
    return f"{cluster.tiers[tier].name}.{path}" if tier < len(cluster.tiers) - 1 else path
