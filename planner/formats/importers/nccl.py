"""The topology that NCCL or RCCL dumps (`NCCL_TOPO_DUMP_FILE`) or is given (`NCCL_TOPO_FILE`).

Reads version 1 (NVIDIA: `nvlink`) and version 2 (AMD: `xgmi`): GPUs with model, scale-up links and
slot, adapters with speed, and which are below the same bridges. Files of clouds that list PCI devices
alone are read as well; they know neither links nor speeds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.reading.inside.assemble import site_of
from planner.formats.reading.inside.markup import Element, parse
from planner.formats.reading.inside.models import is_virtual_function, model_of_pci
from planner.formats.reading.inside.parts import SWITCH, Adapter, Gpu, Near, between

if TYPE_CHECKING:
    from planner.formats.site.site import Site, Source

VERSIONS = ("1", "2")
_GPU_CLASSES = ("0x0300", "0x0302", "0x0380", "0x1200")
_NET_CLASSES = ("0x0200", "0x0207")
_MODEL_OF_SM = {80: "a100", 90: "h100", 100: "b200", 103: "b300"}
_MODEL_OF_GCN = {"gfx942": "mi300x", "gfx950": "mi355x"}
_LINK_BYTES_PER_S = {60: 20e9, 70: 25e9, 80: 25e9, 86: 14e9, 90: 25e9, 100: 50e9, 103: 50e9}
_SPEED = re.compile(r"\s*([0-9.]{1,8})\s*GT/s")


def recognises(source: Source) -> bool:
    """Whether this looks like NCCL's topology."""
    return bool(re.search(r"<system\s[^>]*version\s*=", source.text[:100_000])) and "<cpu" in source.text


def read(source: Source) -> Site:
    """The node that the file describes.

    Raises
    ------
    InputError
        I060 where no GPU is in it, I061 where it is no such XML.
    """
    system = parse(source, "system")
    findings: list[Problem] = []
    version = system.attributes.get("version", "")
    if version not in VERSIONS:
        findings.append(
            Problem(
                "I072",
                f"version {version[:20]!r} of the topology is not known",
                system.position(source),
                expected=" or ".join(VERSIONS),
                suggestion="what it has in common with those is read",
            )
        )
    devices = _of_one_host(system, source, findings)
    places = _in_order([each for each in devices if _is_gpu(each)])
    gpus = [_gpu(place, index, places, source) for index, place in enumerate(places)]
    nets = [each for each in devices if each.tag == "net" or _is_bare_net(each)]
    adapters = [_adapter(net, places, source) for net in nets]
    return site_of(source, gpus, adapters, findings)


def _of_one_host(system: Element, source: Source, findings: list[Problem]) -> list[Element]:
    """What is in the first host: jobs across hosts that share NVLink dump all of them at once."""
    hosts = dict.fromkeys(each.attributes.get("host_hash") for each in system.children if each.tag == "cpu")
    if len(hosts) < 2:
        return list(system.walk())
    first, *others = hosts
    second = next(each for each in system.children if each.attributes.get("host_hash") == others[0])
    findings.append(
        Problem(
            "I074",
            f"{len(hosts)} hosts that share NVLink, without their names; the first one is read",
            second.position(source),
            expected="one host",
            suggestion="name hosts and NVLink domains by another source, such as labels of Kubernetes",
        )
    )
    mine = [
        each for each in system.children if each.tag != "cpu" or each.attributes.get("host_hash") == first
    ]
    return [element for each in mine for element in each.walk()]


def _is_gpu(element: Element) -> bool:
    """Whether it is the PCI device of a GPU, with or without particulars."""
    if element.tag != "pci":
        return False
    inner = {child.tag for child in element.children}
    return "gpu" in inner or (not inner and element.attributes.get("class", "")[:6] in _GPU_CLASSES)


def _is_bare_net(element: Element) -> bool:
    """Whether it is the PCI device of an adapter without particulars."""
    is_net = element.tag == "pci" and element.attributes.get("class", "")[:6] in _NET_CLASSES
    return is_net and not element.children


def _inner(place: Element) -> Element | None:
    return next((child for child in place.children if child.tag == "gpu"), None)


def _in_order(places: list[Element]) -> list[Element]:
    """By the driver's numbers where all have one of their own, else as they come."""
    inner = [_inner(place) for place in places]
    numbers = [each.whole("dev") if each is not None else None for each in inner]
    if None in numbers or len(set(numbers)) < len(numbers):
        return places
    return [places[index] for index in sorted(range(len(places)), key=lambda each: numbers[each] or 0)]


def _gpu(place: Element, index: int, places: list[Element], source: Source) -> Gpu:
    inner = _inner(place)
    gpu = Gpu(
        model=_model(place, inner), slot_bytes_per_s=_slot_bytes_per_s(place), position=place.position(source)
    )
    if inner is None:
        return gpu
    sm = inner.whole("sm") or 0
    gpu.link_bytes_per_s = _LINK_BYTES_PER_S.get(sm, 50e9 if "gcn" in inner.attributes else None)
    bus = {each.attributes.get("busid", "").lower(): number for number, each in enumerate(places)}
    gpu.peers = {}
    for link in inner.children:
        if link.tag in {"nvlink", "xgmi"}:
            peer = bus.get(link.attributes.get("target", "").lower(), SWITCH)
            if peer != index:
                count = max(0, min(link.whole("count") or 0, 1000))
                gpu.peers[peer] = gpu.peers.get(peer, 0) + count
    gpu.peers = {peer: count for peer, count in gpu.peers.items() if count}
    return gpu


def _model(place: Element, inner: Element | None) -> str | None:
    """By its PCI identifier, or else by what it can compute."""
    exact = model_of_pci(_identifier(place))
    if exact or inner is None:
        return exact
    gcn = inner.attributes.get("gcn", "")
    if gcn:
        return _MODEL_OF_GCN.get(gcn, gcn if gcn.startswith("gfx") else f"gfx{gcn}")
    sm = inner.whole("sm")
    arm = any(each.attributes.get("arch", "").startswith("arm") for each in place.ancestors())
    if arm and sm in {100, 103}:
        return "gb200" if sm == 100 else "gb300"
    return _MODEL_OF_SM.get(sm, f"sm_{sm}") if sm else None


def _identifier(place: Element) -> str:
    vendor, device = (place.attributes.get(name, "").removeprefix("0x") for name in ("vendor", "device"))
    return f"{vendor}:{device}".lower()


def _slot_bytes_per_s(place: Element) -> float | None:
    speed = _SPEED.match(place.attributes.get("link_speed", ""))
    width = place.whole("link_width")
    try:
        return float(speed[1]) * 1e9 / 8 * width if speed and width and 0 < width <= 64 else None
    except ValueError:
        return None


def _adapter(net: Element, gpus: list[Element], source: Source) -> Adapter:
    path = _path(net)
    near = {index: between(path, _path(gpu)) for index, gpu in enumerate(gpus)}
    speed = net.whole("speed") if net.tag == "net" else None
    return Adapter(
        net.attributes.get("name", ""),
        speed * 1e6 / 8 if speed and 0 < speed <= 10**8 else None,
        near,
        _aside(net),
        position=net.position(source),
    )


def _aside(net: Element) -> str | None:
    """Why an adapter would not be for the traffic of training."""
    if net.attributes.get("guid", "").strip("0x") == "" and net.tag == "net" and not _place(net):
        return "they are network interfaces of the system"
    place = _place(net)
    if place is not None and is_virtual_function(_identifier(place)):
        return "they are virtual functions"
    return None


def _place(net: Element) -> Element | None:
    """The PCI device of an adapter."""
    around = [net, *reversed(net.ancestors())]
    return next((each for each in around if each.tag == "pci"), None)


def _path(device: Element) -> list[tuple[Near, int]]:
    """The processor and the bridges above a device, outermost first."""
    place = _place(device)
    path = []
    for each in (place or device).ancestors():
        if each.tag == "pci":
            path.append((Near.PXB, id(each)))
        elif each.tag == "cpu":
            path.append((Near.PHB, id(each)))
    return path
