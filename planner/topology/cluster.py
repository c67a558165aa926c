"""The immutable cluster: tiers of domains as arrays, one entry a GPU, a node or a domain."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.topology.fabric_schema import Fabric
    from planner.topology.presets import Gpu

    IntArray = NDArray[np.int32]
    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Tier:
    """One nested grouping of GPUs.

    Parameters
    ----------
    name
        The tier's name, such as ``node`` or ``rack``.
    names
        Own name of each domain, shape (domains,), such as ``r03``.
    parent
        Index of the enclosing domain of the next tier out, shape (domains,); empty for the
        outermost tier.
    uplink_bytes_per_s
        Bandwidth per direction out of each domain, shape (domains,), or None where traffic that
        leaves the domains of this tier is free.
    scale_up_bytes_per_s
        Bandwidth per GPU and direction inside a domain, where a domain of this tier is one
        scale-up (NVLink) domain.
    """

    name: str
    names: Sequence[str]
    parent: IntArray
    uplink_bytes_per_s: FloatArray | None = None
    scale_up_bytes_per_s: float | None = None

    @property
    def domains(self) -> int:
        """Number of domains."""
        return len(self.names)


@dataclass(frozen=True, eq=False)
class Cluster:
    """A cluster as the solver sees it; nothing here changes after loading.

    GPUs are numbered in authored order, node by node, those out of service included. Tier 0 is the
    node, the last tier is the whole cluster.

    Parameters
    ----------
    name
        Name of the topology.
    tiers
        Innermost first.
    boundary
        Index of the tier at which traffic goes onto NICs: the scale-up domain, else the node.
    host_names
        What launchers call each node, shape (nodes,).
    gpu_kinds
        The GPU models present; ``gpu_kind`` indexes this tuple.
    gpu_node, gpu_local, gpu_kind
        Node, index in the node and model of each GPU, shape (gpus,).
    gpu_in_service
        False for GPUs that must never hold a rank, shape (gpus,).
    gpu_spare
        True for GPUs that are kept free unless the job would not fit, shape (gpus,).
    gpu_nic, gpu_rail
        NIC (index in its node) and rail that a GPU's traffic takes, shape (gpus,); -1 for none.
    nic_node, nic_local, nic_rail, nic_bytes_per_s, nic_in_service
        One entry a NIC, shape (nics,).
    fabric
        The switches, where the file describes them.
    digest
        SHA-256 of the authored file and all it includes; empty for a cluster made otherwise.
    """

    name: str
    tiers: tuple[Tier, ...]
    boundary: int
    host_names: Sequence[str]
    gpu_kinds: tuple[Gpu, ...]
    gpu_node: IntArray
    gpu_local: IntArray
    gpu_kind: IntArray
    gpu_in_service: BoolArray
    gpu_spare: BoolArray
    gpu_nic: IntArray
    gpu_rail: IntArray
    nic_node: IntArray = field(default_factory=lambda: np.zeros(0, np.int32))
    nic_local: IntArray = field(default_factory=lambda: np.zeros(0, np.int32))
    nic_rail: IntArray = field(default_factory=lambda: np.zeros(0, np.int32))
    nic_bytes_per_s: FloatArray = field(default_factory=lambda: np.zeros(0, np.float64))
    nic_in_service: BoolArray = field(default_factory=lambda: np.zeros(0, np.bool_))
    fabric: Fabric | None = None
    digest: str = ""

    @property
    def gpus(self) -> int:
        """Number of GPUs, those out of service included."""
        return len(self.gpu_node)

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return self.tiers[0].domains

    @cached_property
    def domain_of_gpu(self) -> tuple[IntArray, ...]:
        """For each tier the domain of every GPU, each of shape (gpus,)."""
        domains = [self.gpu_node]
        for tier in self.tiers[:-1]:
            domains.append(tier.parent[domains[-1]])
        return tuple(domains)

    @cached_property
    def tier_uplink_bytes_per_s(self) -> tuple[float | None, ...]:
        """For each tier the summed uplink of its in-service domains (U_t), None where free.

        A domain is in service when at least one of its GPUs is.
        """
        totals: list[float | None] = []
        for tier, domain in zip(self.tiers, self.domain_of_gpu, strict=True):
            if tier.uplink_bytes_per_s is None:
                totals.append(None)
                continue
            live = np.zeros(tier.domains, np.bool_)
            live[domain[self.gpu_in_service]] = True
            totals.append(float(tier.uplink_bytes_per_s[live].sum()))
        return tuple(totals)

    def tier_index(self, name: str) -> int:
        """Index of the tier called `name`; raises KeyError with the names there are."""
        for index, tier in enumerate(self.tiers):
            if tier.name == name:
                return index
        raise KeyError(f"no tier {name!r}; tiers are {', '.join(t.name for t in self.tiers)}")

    def domain_path(self, tier: int, domain: int) -> str:
        """Path of one domain from the outermost named tier down, such as ``u001/r3/t05``.

        The outermost tier (the whole cluster) is left out unless it is what is asked for.
        """
        last = len(self.tiers) - 1
        parts = [self.tiers[tier].names[domain]]
        while tier + 1 < last:
            domain = int(self.tiers[tier].parent[domain])
            tier += 1
            parts.append(self.tiers[tier].names[domain])
        return "/".join(reversed(parts))
