"""The XML of `lstopo --of xml`, versions 1 to 3 of hwloc's format.

Reads GPUs (as NVML, CUDA, ROCm SMI, Level Zero or OpenCL show them, or as PCI devices of GPU makers),
adapters with the state of their ports, which of both are below the same bridges, and the bandwidth of
NVLink or xGMI where it is there. hwloc does not know how fast an adapter is.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from planner.formats.reading.inside.assemble import of_host, site_of
from planner.formats.reading.inside.markup import Element, parse
from planner.formats.reading.inside.models import is_virtual_function, model_of_pci
from planner.formats.reading.inside.parts import SWITCH, Adapter, Gpu, Near, between

if TYPE_CHECKING:
    from planner.errors import Problem
    from planner.formats.site.site import Site, Source

_GPU_DEVICE = re.compile(r"(nvml|cuda|rsmi|ze|opencl)(\d{1,4})(?:d(\d{1,4}))?(?:\.\d+)?")
_DRIVERS = ("nvml", "cuda", "rsmi", "ze", "opencl")
_MAKERS = ("10de", "1002", "1da3")
_GPU_CLASSES = ("0302", "0380", "1200")
_NET_CLASSES = ("0200", "0207")
# How versions up to 2 and from 3 on write that a device is one of OpenFabrics.
_VERBS_TYPES = {"3", "32"}
_VERBS = re.compile(r"(?:mlx|bnxt_re|irdma|efa|rdmap|roce|hfi|hns|mana|erdma)\w*\d")
_PCI_TYPE = re.compile(r"([0-9a-f]{4}) \[([0-9a-f]{4}:[0-9a-f]{4})\]", re.IGNORECASE)
_PORT_STATE = re.compile(r"Port\d+State")
_ACTIVE = "4"
_LEVELS = {"Package": Near.NODE, "Socket": Near.NODE, "Group": Near.NODE}
_LINKS = ("NVLinkBandwidth", "XGMIBandwidth")
_HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,253}")
MOST_MEASURED = 4096


def recognises(source: Source) -> bool:
    """Whether this looks like hwloc's XML."""
    head = source.text[:100_000]
    return "<topology" in head and bool(re.search(r"<object\s+type=\"(?:Machine|System)\"", head))


def read(source: Source) -> Site:
    """The node that lstopo saw.

    Raises
    ------
    InputError
        I060 where neither a GPU nor an adapter is in it, I061 where it is no such XML.
    """
    topology = parse(source, "topology")
    findings: list[Problem] = []
    devices = [each for each in topology.walk() if _type(each) == "PCIDev"]
    places = _gpus(devices)
    gpus = [_gpu(place, source) for place in places]
    _add_links(topology, places, gpus)
    adapters = [_adapter(each, places, source) for each in devices if _is_adapter(each)]
    site = site_of(source, gpus, adapters, findings)
    name = _infos(topology).get("HostName", "")
    if _HOST_NAME.fullmatch(name):
        of_host(site, name)
    return site


def _type(element: Element) -> str:
    return element.attributes.get("type", "") if element.tag == "object" else ""


def _pci(device: Element) -> tuple[str, str]:
    """Class, and vendor and device, of a PCI device."""
    found = _PCI_TYPE.match(device.attributes.get("pci_type", ""))
    return (found[1].lower(), found[2].lower()) if found else ("", "")


def _inner(device: Element) -> list[str]:
    """Names that the system has for a PCI device."""
    return [each.attributes.get("name", "") for each in device.children if _type(each) == "OSDev"]


def _infos(element: Element) -> dict[str, str]:
    """What hwloc notes of a device and its parts."""
    return {
        each.attributes["name"]: each.attributes["value"]
        for each in element.walk()
        if each.tag == "info" and {"name", "value"} <= each.attributes.keys()
    }


def _gpus(devices: list[Element]) -> list[Element]:
    """PCI devices that are GPUs, in the order of the driver that shows most of them."""
    numbers: dict[str, list[tuple[tuple[int, int], Element]]] = {driver: [] for driver in _DRIVERS}
    for device in devices:
        for found in map(_GPU_DEVICE.fullmatch, _inner(device)):
            if found and not _is_processor(device):
                numbers[found[1]].append(((int(found[2]), int(found[3] or 0)), device))
    best = max(_DRIVERS, key=lambda driver: len({id(device) for _, device in numbers[driver]}))
    shown = [device for _, device in sorted(numbers[best], key=lambda pair: pair[0])]
    if shown:
        return list({id(device): device for device in shown}.values())
    return [each for each in devices if _pci(each)[0] in _GPU_CLASSES and _pci(each)[1][:4] in _MAKERS]


def _is_processor(device: Element) -> bool:
    """Whether OpenCL shows something that is no GPU."""
    return _infos(device).get("OpenCLDeviceType", "GPU") != "GPU"


def _gpu(place: Element, source: Source) -> Gpu:
    called = _infos(place).get("GPUModel", "")
    try:
        slot = float(place.attributes.get("pci_link_speed", "")[:20]) * 1e9
    except ValueError:
        slot = 0.0
    model = None if called else model_of_pci(_pci(place)[1])
    usable = slot if 1e8 < slot < 1e13 else None
    return Gpu(called, model, slot_bytes_per_s=usable, position=place.position(source))


def _verbs(device: Element) -> list[str]:
    """Names that a PCI device has with OpenFabrics."""
    return [
        each.attributes.get("name", "")
        for each in device.children
        if _type(each) == "OSDev"
        and (
            each.attributes.get("osdev_type") in _VERBS_TYPES
            or _VERBS.fullmatch(each.attributes.get("name", ""))
        )
    ]


def _is_adapter(device: Element) -> bool:
    return _pci(device)[0] in _NET_CLASSES or bool(_verbs(device))


def _adapter(device: Element, gpus: list[Element], source: Source) -> Adapter:
    names, verbs = _inner(device), _verbs(device)
    kind, identifier = _pci(device)
    aside = None
    if not verbs and kind == "0200":
        aside = "they are network interfaces without RDMA"
    elif is_virtual_function(identifier):
        aside = "they are virtual functions"
    states = {value for name, value in _infos(device).items() if _PORT_STATE.fullmatch(name)}
    path = _path(device)
    return Adapter(
        next(iter([*verbs, *names]), ""),
        near={index: between(path, _path(gpu)) for index, gpu in enumerate(gpus)},
        aside=aside,
        down="no port of it is active" if states and _ACTIVE not in states else None,
        position=device.position(source),
    )


def _path(device: Element) -> list[tuple[Near, int]]:
    """Packages and bridges around a device, outermost first."""
    path = []
    for each in device.ancestors():
        kind = _type(each)
        if kind == "Bridge":
            host = each.attributes.get("bridge_type", "").startswith("0")
            path.append((Near.PHB if host else Near.PXB, id(each)))
        elif kind in _LEVELS:
            path.append((_LEVELS[kind], id(each)))
    return path


def _add_links(topology: Element, places: list[Element], gpus: list[Gpu]) -> None:
    """The scale-up links that hwloc measured between GPUs, and between them and switches."""
    measured = next((e for e in topology.walk() if e.attributes.get("name") in _LINKS), None)
    if measured is None:
        return
    names = _list(measured, "indexes")
    values = _list(measured, "u64values")
    count = len(names)
    if not 0 < count <= MOST_MEASURED or len(values) != count * count or not all(map(str.isdecimal, values)):
        return
    owners = _owners(places)
    rows = [owners.get(name.rpartition(":")[2], SWITCH) for name in names]
    for row, index in enumerate(rows):
        if index != SWITCH:
            speeds = [int(value[:12]) for value in values[row * count : (row + 1) * count]]
            _link(gpus[index], index, list(zip(rows, speeds, strict=True)))


def _link(gpu: Gpu, index: int, speeds: list[tuple[int, int]]) -> None:
    """Count links in units of the slowest one; hwloc gives MB/s."""
    others = [(peer, speed) for peer, speed in speeds if peer != index and speed > 0]
    unit = min((speed for _, speed in others), default=0)
    peers = Counter[int]()
    for peer, speed in others:
        peers[peer] += speed // unit
    gpu.peers = dict(peers)
    gpu.link_bytes_per_s = unit * 1e6 or None


def _list(measured: Element, tag: str) -> list[str]:
    return [word for child in measured.children if child.tag == tag for word in child.text.split()]


def _owners(places: list[Element]) -> dict[str, int]:
    """Index of the GPU that each object is, by the number hwloc gives to the object."""
    return {
        each.attributes.get("gp_index", ""): index
        for index, place in enumerate(places)
        for each in place.walk()
        if each.tag == "object"
    }
