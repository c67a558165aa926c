"""What of a cluster is out of service, spare or degraded, as the authored selectors say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InputError
from planner.topology.selectors import Selected, Selectors, devices_beneath

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.source import Findings
    from planner.topology.cluster import BoolArray, IntArray
    from planner.topology.rows import Grid


@dataclass(frozen=True, eq=False)
class Devices:
    """GPUs, or NICs: the node of each, and its index there; shape (devices,)."""

    node: IntArray
    local: IntArray

    @classmethod
    def counted(cls, per_node: IntArray) -> Devices:
        """As many devices as `per_node` says, shape (nodes,)."""
        node = np.repeat(np.arange(len(per_node), dtype=np.int32), per_node)
        start = np.cumsum(per_node) - per_node
        return cls(node, (np.arange(len(node)) - start[node]).astype(np.int32))


class Health:
    """Applies selectors to a cluster in the making, and notes those that cannot be.

    Parameters
    ----------
    findings
        Where mistakes go.
    grid
        The domains of all rows that could be read.
    gpus, nics
        The devices of all nodes.
    """

    def __init__(self, findings: Findings, grid: Grid, gpus: Devices, nics: Devices) -> None:
        self.findings = findings
        self.complete = grid.complete
        self.gpus = gpus
        self.nics = nics
        self.selectors = Selectors(grid.tiers)

    def find(self, selector: str, where: Sequence[str | int]) -> Selected | None:
        """What a selector stands for; None, with the reason noted, where that is nothing."""
        try:
            return self.selectors.find(selector)
        except InputError as error:
            # A row that could not be read may have what is not there.
            if self.complete or error.problems[0].code != "T006":
                self.findings.take(error, where)
            return None

    def down(self, selectors: Sequence[str]) -> tuple[BoolArray, BoolArray]:
        """Which GPUs, and which NICs, are in service. A node that is down takes its NICs with it."""
        gpus = np.ones(len(self.gpus.node), np.bool_)
        nics = np.ones(len(self.nics.node), np.bool_)
        for index, selector in enumerate(selectors):
            where = ("down", index)
            selected = self.find(selector, where)
            if selected is None:
                continue
            if selected.nics is None:
                gpus[self._devices(self.gpus, selected, selected.gpus, where, "GPU")] = False
            if selected.gpus is None:
                nics[self._devices(self.nics, selected, selected.nics, where, "NIC")] = False
        return gpus, nics

    def spare(self, selectors: Sequence[str]) -> BoolArray:
        """Which GPUs are kept free unless the job would not fit."""
        spare = np.zeros(len(self.gpus.node), np.bool_)
        for index, selector in enumerate(selectors):
            where = ("spare", index)
            selected = self.find(selector, where)
            if selected is None:
                continue
            if selected.nics is not None:
                self.findings.add(
                    "T015", f"{selector!r} selects NICs", where, expected="a selector of domains or GPUs"
                )
                continue
            spare[self._devices(self.gpus, selected, selected.gpus, where, "GPU")] = True
        return spare

    def _devices(
        self,
        devices: Devices,
        selected: Selected,
        numbers: tuple[int, ...] | None,
        where: Sequence[str | int],
        noun: str,
    ) -> IntArray:
        """The devices that a selector stands for; none, with the reason noted, where it cannot be."""
        nodes = self.selectors.nodes_beneath(selected)
        try:
            return devices_beneath(nodes, devices.node, devices.local, numbers, noun)
        except InputError as error:
            if not self._counts_in_doubt(noun):
                self.findings.take(error, where)
            return np.zeros(0, np.int32)

    def _counts_in_doubt(self, noun: str) -> bool:
        """Whether how many GPUs (or NICs) nodes have was found mistaken, or not read."""
        rows = range(len(self.findings.document.data.get("domains", ())))
        if noun == "GPU":
            return not self.complete or any(self.findings.doubtful("domains", i, "gpus") for i in rows)
        return (
            not self.complete
            or self.findings.doubtful_within("tiers", 0, "nics")
            or any(self.findings.doubtful_within("domains", i, "nics") for i in rows)
        )


def assign_nics(
    gpus: Devices, gpus_per_node: IntArray, nics_per_node: IntArray, in_service: BoolArray
) -> IntArray:
    """Global index of the NIC that each GPU uses, -1 for none, shape (gpus,).

    GPUs share the NICs of their node evenly in order: GPU j of g uses NIC floor(j c / g) of c. One
    whose NIC is out of service uses the next of the node that is in service.
    """
    own = nics_per_node[gpus.node]
    start = (np.cumsum(nics_per_node) - nics_per_node)[gpus.node]
    preferred = gpus.local * own // gpus_per_node[gpus.node]
    chosen = np.full(len(gpus.node), -1, np.int32)
    for shift in range(int(nics_per_node.max(initial=0))):
        waiting = np.flatnonzero((chosen < 0) & (shift < own))
        if not len(waiting):
            break
        candidate = start[waiting] + (preferred[waiting] + shift) % own[waiting]
        live = in_service[candidate]
        chosen[waiting[live]] = candidate[live]
    return chosen
