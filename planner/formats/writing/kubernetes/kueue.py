"""What of a placement Kueue can keep: pods in the order of their ranks, cut into slices of one domain.

Kueue chooses the nodes itself. Its topology-aware scheduling can be told that every slice of so many
consecutive pods lies in one domain of a level (``podset-slice-required-topology`` with
``podset-slice-size``), and that all pods lie in one domain (``podset-required-topology``). The
annotations and the Topology kind are those of Kueue's documentation, concepts, "Topology Aware
Scheduling", and of its ``kueue.x-k8s.io_topologies.yaml``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from planner.errors import UsageError
from planner.formats.writing.kubernetes.manifests import HOSTNAME
from planner.placement.runs import run_starts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from planner.formats.writing.kubernetes.node_table import Node
    from planner.placement.placement import Placement
    from planner.topology.cluster import Cluster

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
ANNOTATION = "kueue.x-k8s.io/podset-"
DEFAULT_LABEL = "cloud.provider.com/topology-"
MOST_LEVELS = 8


@dataclass(frozen=True)
class Slices:
    """What is asked of Kueue.

    Parameters
    ----------
    tier, size
        Every slice of `size` pods lies in one domain of this tier; None where nothing is sliced.
    whole
        The innermost tier of which one domain holds all pods; None where only the cluster does.
    """

    tier: str | None
    size: int
    whole: str | None

    def annotations(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Of every pod, with the nodes' label for each tier."""
        found = {}
        if self.whole:
            found[f"{ANNOTATION}required-topology"] = labels[self.whole]
        if self.tier:
            found[f"{ANNOTATION}slice-required-topology"] = labels[self.tier]
            found[f"{ANNOTATION}slice-size"] = str(self.size)
        return found


def slices_of(placement: Placement, nodes: Sequence[Node]) -> Slices:
    """The slices that keep the placement's pieces.

    Raises
    ------
    UsageError
        ``E024`` with the reason where Kueue would not keep them.
    """
    require_alike(nodes)
    cluster, firsts = placement.cluster, [node.ranks[0] for node in nodes]
    gpus = placement.gpu_of_rank[firsts]
    inner = range(1, len(cluster.tiers) - 1)
    held = {tier: cluster.domain_of_gpu[tier][gpus] for tier in inner}
    whole = next((cluster.tiers[tier].name for tier in inner if len(set(held[tier].tolist())) == 1), None)
    for tier in inner:
        size = _slice_size(held[tier])
        if 1 < size < len(nodes):
            return Slices(cluster.tiers[tier].name, size, whole)
    if whole:
        return Slices(None, 1, whole)
    raise _refusal(
        "no tier holds the pods in slices of one size, each in a domain of its own",
        "hosts that come in equal runs of consecutive ranks, a run a domain",
    )


def require_alike(nodes: Sequence[Node]) -> None:
    """Refuse nodes between which Kueue, which takes any, would have to tell.

    Raises
    ------
    UsageError
        ``E024`` with the first difference.
    """
    for index, node in enumerate(nodes):
        each = len(nodes[0].ranks)
        if node.ranks != tuple(range(index * each, (index + 1) * each)):
            raise _refusal(
                f"node {node.name} has other ranks than {index * each} to {(index + 1) * each - 1}",
                "as many consecutive ranks on every node",
            )
        if node.devices != nodes[0].devices or node.gpus != nodes[0].gpus:
            raise _refusal(
                f"node {node.name} holds its ranks on other GPUs than node {nodes[0].name}",
                "the same GPUs in the same order on every node",
            )
        if len(node.ranks) != node.gpus:
            raise _refusal(
                f"node {node.name} has idle GPUs in service, on which Kueue would put another pod",
                "nodes whose GPUs all hold ranks",
            )


def level_labels(cluster: Cluster, text: str) -> dict[str, str]:
    """The nodes' label for each tier: as `text` says in ``tier=label,...``, else Kueue's example.

    Raises
    ------
    UsageError
        ``E024`` for a tier that is not there or a label that is not given.
    """
    names = [tier.name for tier in cluster.tiers[1:-1]]
    labels = {name: f"{DEFAULT_LABEL}{name}" for name in names}
    for part in filter(None, (each.strip() for each in text.split(","))):
        tier, _, label = part.partition("=")
        if tier not in labels or not label:
            raise UsageError.of(
                "E024",
                f"--option labels: {part!r} names no label of a tier",
                expected=f"tier=label, with one of {', '.join(names)}",
            )
        labels[tier] = label
    return labels


def topology(name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """Kueue's Topology of these labels, whose innermost level is the node."""
    levels = [*reversed(list(labels.values())), HOSTNAME][-MOST_LEVELS:]
    return {
        "apiVersion": "kueue.x-k8s.io/v1beta1",
        "kind": "Topology",
        "metadata": {"name": name},
        "spec": {"levels": [{"nodeLabel": label} for label in levels]},
    }


def _slice_size(domains: NDArray[np.int32]) -> int:
    """Length of the runs of pods in one domain, where all are alike and no domain has two; else 0."""
    starts = run_starts(domains)
    lengths = set(np.diff(starts, append=len(domains)).tolist())
    if len(lengths) != 1 or len(set(domains.tolist())) != len(starts):
        return 0
    return int(lengths.pop())


def _refusal(reason: str, expected: str) -> UsageError:
    return UsageError.of(
        "E024",
        f"Kueue cannot keep this placement: {reason}",
        expected=expected,
        suggestion="--option route=configmap, which is exact for every placement",
    )
