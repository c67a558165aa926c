"""NCCL's topology file of a host: which GPUs and adapters share a PCI switch, by their addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Sequence

CPUS = {
    "intel": {"arch": "x86_64", "vendor": "GenuineIntel", "familyid": "6", "modelid": "143"},
    "amd": {"arch": "x86_64", "vendor": "AuthenticAMD", "familyid": "175", "modelid": "17"},
    "arm": {"arch": "arm64"},
}
"""What NCCL wants to know of a processor, by kind."""
LINKS = {"3": "8.0 GT/s PCIe", "4": "16.0 GT/s PCIe", "5": "32.0 GT/s PCIe", "6": "64.0 GT/s PCIe"}
"""Speed of a lane as the kernel writes it, by generation of PCI Express."""
GPU, NIC, BRIDGE = "0x030200", "0x020700", "0x060400"


class Addresses(NamedTuple):
    """PCI addresses of a host's GPUs and adapters, in the order of their indices."""

    gpus: tuple[str, ...]
    nics: tuple[str, ...]


class Board(NamedTuple):
    """What holds a host's devices: kind and number of processors, generation of PCI Express."""

    cpu: str
    sockets: int
    pcie: str


def topology_xml(nic_of_gpu: Sequence[int], nics: int, addresses: Addresses, board: Board) -> str:
    """The file of a host.

    A GPU shares a switch with the adapter that it uses. What NCCL finds out itself, such as NVLink
    and the cores of a processor, is left out.

    Parameters
    ----------
    nic_of_gpu
        Adapter that each GPU uses, -1 for none.
    nics
        Number of adapters.
    addresses
        Those of all GPUs and adapters, or more.
    board
        The switches are divided over its processors evenly, in order.
    """
    switches = [(nic, [gpu for gpu, own in enumerate(nic_of_gpu) if own == nic]) for nic in range(nics)]
    switches += [(-1, [gpu]) for gpu, own in enumerate(nic_of_gpu) if own < 0]
    system = ET.Element("system", version="1")
    sockets = min(board.sockets, len(switches))
    processors = [
        ET.SubElement(system, "cpu", {"numaid": str(socket), **CPUS[board.cpu]}) for socket in range(sockets)
    ]
    for index, (nic, gpus) in enumerate(switches):
        devices = [(GPU, addresses.gpus[gpu]) for gpu in gpus]
        devices += [(NIC, addresses.nics[nic])] if nic >= 0 else []
        _switch(processors[index * sockets // len(switches)], index, devices, LINKS[board.pcie])
    ET.indent(system)
    return ET.tostring(system, encoding="unicode") + "\n"


def _switch(processor: ET.Element, index: int, devices: Sequence[tuple[str, str]], speed: str) -> None:
    """A switch with an address that no device has, and the devices beneath it."""
    link = {"link_speed": speed, "link_width": "16"}
    bridge = ET.SubElement(processor, "pci", {"busid": f"ffff:ff:{index:02x}.0", "class": BRIDGE, **link})
    for kind, address in devices:
        ET.SubElement(bridge, "pci", {"busid": address, "class": kind, **link})
