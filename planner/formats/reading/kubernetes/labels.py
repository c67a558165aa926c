"""Labels of nodes that say where they stand in the network, by those who write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

HOSTNAMES = ("kubernetes.io/hostname", "cloud.google.com/gce-topology-host", "oci.oraclecloud.com/host.id")
AROUND = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")

# Tiers of each family, the innermost first; where tiers have numbers, a pattern of their label and
# whether higher numbers lie further out.
FAMILIES: tuple[tuple[str, ...], ...] = (
    ("cloud.google.com/gce-topology-subblock", "cloud.google.com/gce-topology-block"),
    (
        "oci.oraclecloud.com/host.rack_id",
        "oci.oraclecloud.com/host.local_block_id",
        "oci.oraclecloud.com/host.network_block_id",
        "oci.oraclecloud.com/host.hpc_island_id",
    ),
    (
        "backend.coreweave.cloud/leafgroup",
        "backend.coreweave.cloud/superpod",
        "backend.coreweave.cloud/fabric",
    ),
    (
        "network.topology.nvidia.com/leaf",
        "network.topology.nvidia.com/block",
        "network.topology.nvidia.com/spine",
        "network.topology.nvidia.com/core",
        "network.topology.nvidia.com/datacenter",
    ),
)
NUMBERED = (
    (re.compile(r"topology\.k8s\.aws/network-node-layer-([0-9]{1,2})"), False),
    (re.compile(r"fabric\.topograph\.run/tier-([0-9]{1,2})"), True),
)
# Labels whose value is an NVLink domain, the most direct one first.
NVLINK = (
    "nvidia.com/gpu.clique",
    "accelerator.topograph.run/domain",
    "network.topology.nvidia.com/accelerator",
    "ds.coreweave.com/nvlink.domain",
    "oci.oraclecloud.com/host.gpu_memory_fabric_id",
)
# A clique whose cluster has no number is that of a node without a fabric of NVLink.
_NO_CLIQUE = re.compile(r"(?:[0-]*\.)?[0-9]*\Z")


@dataclass(frozen=True)
class Levels:
    """Labels that are the tiers of a cluster, the innermost first, and the name of each tier."""

    labels: tuple[str, ...]
    names: tuple[str, ...]

    def groups(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Domain of each tier that a node with these labels lies in."""
        pairs = zip(self.labels, self.names, strict=True)
        return {name: labels[label] for label, name in pairs if label in labels}


def known_levels(nodes: Sequence[Mapping[str, str]]) -> Levels:
    """Levels of the family that most nodes bear labels of, with zone and region around them."""
    used = {label for labels in nodes for label in labels}
    families = [*FAMILIES, *(_numbered(pattern, outwards, used) for pattern, outwards in NUMBERED)]
    held = [sum(any(label in labels for label in family) for labels in nodes) for family in families]
    best = max(held, default=0)
    family = families[held.index(best)] if best else ()
    return levels([label for label in (*family, *AROUND) if label in used])


def _numbered(pattern: re.Pattern[str], outwards: bool, used: Iterable[str]) -> tuple[str, ...]:
    """Labels of a family whose tiers have numbers, the innermost first."""
    numbers = {int(match[1]): label for label in used if (match := pattern.fullmatch(label))}
    return tuple(numbers[number] for number in sorted(numbers, reverse=not outwards))


def levels(labels: Sequence[str]) -> Levels:
    """Levels of these labels, with short names that differ."""
    names: list[str] = []
    for label in labels:
        short = label.rsplit("/", 1)[-1].removeprefix("gce-topology-").removeprefix("topology-")
        short = short.removeprefix("network-node-").removeprefix("host.").removesuffix("_id")
        names.append(short if short not in names else label)
    return Levels(tuple(labels), tuple(names))


def nvlink_domain(labels: Mapping[str, str]) -> str | None:
    """The NVLink domain that a node says it lies in."""
    found = (labels[label] for label in NVLINK if label in labels)
    return next((domain for domain in found if not _NO_CLIQUE.fullmatch(domain)), None)
