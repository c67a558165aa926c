"""How often hardware fails and how long it is away: published rates, and what they are for a cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from planner.topology.cluster import Cluster

    FloatArray = NDArray[np.float64]

HOUR, DAY = 3600.0, 86400.0


@dataclass(frozen=True)
class Published:
    """Failures of one kind of component in the pre-training of Llama 3.

    Parameters
    ----------
    interruptions
        How many there were in the 54 days.
    components
        How many of these the job had.
    repair_s
        Seconds until what failed is back: an assumption, none is published.
    about
        What is counted under it, and what it takes out of service.
    """

    interruptions: int
    components: int
    repair_s: float
    about: str

    @property
    def mtbf_s(self) -> float:
        """Mean time between failures of one component."""
        return LLAMA3_S * self.components / self.interruptions


LLAMA3_S = 54 * DAY
LLAMA3: dict[str, Published] = {
    "gpu": Published(
        148 + 72 + 19 + 17 + 6 + 6,
        16384,
        24 * HOUR,
        "GPU, its memory, its processor, silent corruption, thermal interface; takes its node",
    ),
    "nic": Published(7, 16384, 24 * HOUR, "NIC; takes its node"),
    "node": Published(
        32 + 3 + 3 + 2 + 2 + 2 + 2,
        2048,
        12 * HOUR,
        "unplanned maintenance, disk, power supply, chassis, board, CPU, memory; takes the node",
    ),
    "rack": Published(35, 1024, 6 * HOUR, "network switch or cable, one switch a rack; takes the rack"),
    "software": Published(54 + 7 + 2, 16384, 0.0, "software, timeouts; a restart, nothing is lost"),
}
"""The 419 unexpected interruptions of 54 days on 16,384 H100 (arXiv 2407.21783, table 5).

The cluster had nodes of eight GPUs, two nodes a rack, a NIC a GPU and one switch a rack (section 3.3.1).
Failures of software are counted for each GPU, so a larger job has more of them.
"""


@dataclass(frozen=True)
class Failures:
    """Rates that a simulation goes by; kinds as in `LLAMA3`.

    Parameters
    ----------
    mtbf_s
        Mean seconds between failures of one component of each kind.
    repair_s
        Mean seconds until what a failure took is back.
    """

    mtbf_s: Mapping[str, float] = field(
        default_factory=lambda: {kind: each.mtbf_s for kind, each in LLAMA3.items()}
    )
    repair_s: Mapping[str, float] = field(
        default_factory=lambda: {kind: each.repair_s for kind, each in LLAMA3.items()}
    )


@dataclass(frozen=True, eq=False)
class Components:
    """What of a cluster can fail.

    Parameters
    ----------
    gpus, nics
        GPUs in service and NICs of each node, shape (nodes,).
    rack
        Rack of each node, shape (nodes,): its domain of the tier above; all -1 where there is none.
    """

    gpus: FloatArray
    nics: FloatArray
    rack: NDArray[np.int64]

    @classmethod
    def of(cls, cluster: Cluster) -> Components:
        """The components of a cluster."""
        serving = cluster.gpu_in_service.astype(np.float64)
        gpus = np.bincount(cluster.gpu_node, serving, cluster.nodes).astype(np.float64)
        nics = np.bincount(cluster.nic_node, minlength=cluster.nodes).astype(np.float64)
        inside = len(cluster.tiers) > 2
        rack = cluster.tiers[0].parent if inside else np.full(cluster.nodes, -1)
        return cls(gpus, np.where(gpus > 0, nics, 0.0), rack.astype(np.int64))

    @property
    def nodes_in_service(self) -> int:
        """Nodes with a GPU in service."""
        return int((self.gpus > 0).sum())

    def counts(self) -> dict[str, float]:
        """Components of each kind."""
        racks = np.unique(self.rack[(self.gpus > 0) & (self.rack >= 0)]).size
        gpus = float(self.gpus.sum())
        nodes = float(self.nodes_in_service)
        return {
            "gpu": gpus,
            "nic": float(self.nics.sum()),
            "node": nodes,
            "rack": float(racks),
            "software": gpus,
        }

    def node_rates(self, failures: Failures) -> FloatArray:
        """Failures a second of each node by kind, shape (nodes, 3): of its GPUs, its NICs, itself."""
        counts = np.stack((self.gpus, self.nics, (self.gpus > 0).astype(np.float64)), axis=1)
        rates: FloatArray = counts / np.array([failures.mtbf_s[kind] for kind in ("gpu", "nic", "node")])
        return rates
