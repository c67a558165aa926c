"""NCCL's topology file of a host."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from planner.formats.importers import nccl as importer
from planner.formats.site.site import Source
from planner.formats.writing.nccl_topology import Addresses, Board, topology_xml

GPUS = tuple(f"0000:{number:02x}:00.0" for number in range(0x10, 0x18))
NICS = tuple(f"0000:{number:02x}:00.0" for number in range(0x20, 0x24))
ADDRESSES = Addresses(GPUS, NICS)


def switches(text):
    """Addresses beneath each switch, by processor."""
    return [
        [[device.get("busid") for device in bridge] for bridge in processor]
        for processor in ET.fromstring(text)
    ]


def test_gpus_share_a_switch_with_their_adapter():
    """Two GPUs to an adapter, and the switches on two processors in order."""
    text = topology_xml((0, 0, 1, 1, 2, 2, 3, 3), 4, ADDRESSES, Board("intel", 2, "5"))
    pairs = [[*GPUS[2 * nic : 2 * nic + 2], NICS[nic]] for nic in range(4)]
    assert switches(text) == [pairs[:2], pairs[2:]]
    # NCCL cannot look up the links of switches that are not there.
    links = {(each.get("link_speed"), each.get("link_width")) for each in ET.fromstring(text).iter("pci")}
    assert links == {("32.0 GT/s PCIe", "16")}


def test_gpus_without_an_adapter():
    """Each has a switch of its own; no more processors than switches."""
    text = topology_xml((-1, -1, -1), 0, ADDRESSES, Board("arm", 8, "5"))
    assert switches(text) == [[[GPUS[0]]], [[GPUS[1]]], [[GPUS[2]]]]


def test_addresses_of_switches_are_nobodys():
    """They differ from each other and from every device."""
    found = [each.get("busid") for each in ET.fromstring(_whole()).iter("pci")]
    assert len(found) == len(set(found)) == 16


def test_the_importer_reads_it():
    """As many GPUs and adapters as were written."""
    node = importer.read(Source("topology.xml", _whole())).node
    assert (node.gpus, len(node.nics)) == (8, 4)


def _whole():
    return topology_xml((0, 0, 1, 1, 2, 2, 3, 3), 4, ADDRESSES, Board("amd", 2, "4"))
