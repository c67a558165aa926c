"""GPU presets and virtual adapters by PCI identifier, and what the names of cards for slots look like."""

from __future__ import annotations

import re

_SLOT = re.compile(r"\b(PCI-?E|NVL)\b", re.IGNORECASE)
_PCI = {
    "10de:20b0": "a100",
    "10de:20b2": "a100",
    "10de:20b5": "a100",
    "10de:20f1": "a100",
    "10de:2321": "h100",
    "10de:2330": "h100",
    "10de:2331": "h100",
    "10de:2335": "h200",
    "10de:2901": "b200",
    "10de:2941": "gb200",
    "10de:3182": "b300",
    "10de:31c2": "gb300",
    "1002:74a1": "mi300x",
    "1002:75a3": "mi355x",
}
# ConnectX-4 to ConnectX-7, of vendor 15b3.
_VIRTUAL_FUNCTIONS = {"1014", "1016", "1018", "101a", "101c", "101e"}


def model_of_pci(vendor_and_device: str) -> str | None:
    """The preset of the GPU with a PCI identifier such as ``10de:2330``."""
    return _PCI.get(vendor_and_device.lower())


def is_virtual_function(vendor_and_device: str) -> bool:
    """Whether an adapter is a ConnectX as virtual machines and containers see it."""
    return vendor_and_device.lower().removeprefix("15b3:") in _VIRTUAL_FUNCTIONS


def in_a_slot(name: str) -> bool:
    """Whether the name is that of a card for a PCIe slot, whose figures are below the module's."""
    return bool(_SLOT.search(name))
