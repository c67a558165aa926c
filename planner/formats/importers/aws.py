"""AWS: what ``aws ec2 describe-instance-topology`` prints.

Every instance lists its network nodes from the root down; the last one is the switch it is joined
to. Instances are called by their identifiers: a source that names hosts otherwise cannot be joined.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from planner.errors import InputError, Problem
from planner.formats.reading.structured import (
    Places,
    documents,
    mapping,
    recognised_documents,
    sequence,
    word,
)
from planner.formats.site.instances import gpus_of_type
from planner.formats.site.site import Host, Site

if TYPE_CHECKING:
    from planner.formats.site.site import Source

_TIER = "layer-{}"


def recognises(source: Source) -> bool:
    """Whether it holds instances with network nodes."""
    return any("NetworkNodes" in each or "networkNodes" in each for each in _instances(source)[:20])


def read(source: Source) -> Site:
    """Instances with their network nodes as tiers, the outermost numbered 1 as in AWS's own labels.

    Raises
    ------
    InputError
        I080 where there is no instance.
    """
    documents(source)
    site, places = Site(), Places(source, keys=("InstanceId", "instanceId"))
    found = [mapping(each) for each in _instances(source)]
    nodes_of: dict[str, list[str]] = {}
    for each in found:
        _add(site, places, each, nodes_of)
    if not site.hosts:
        raise InputError.of(
            "I080", f"no instance in {source.name}", expected="Instances with InstanceId and NetworkNodes"
        )
    _add_groups(site, nodes_of)
    return site


def _instances(source: Source) -> list[Any]:
    """Instances of all pages."""
    pages = recognised_documents(source)
    lists = [sequence(_key(mapping(page), "Instances")) or sequence(page) for page in pages]
    return [each for instances in lists for each in instances if isinstance(each, dict)]


def _key(each: dict[str, Any], name: str) -> Any:
    """The value of a key, which the command line prints with and the interface without a capital."""
    return each.get(name, each.get(name[0].lower() + name[1:]))


def _add(site: Site, places: Places, each: dict[str, Any], nodes_of: dict[str, list[str]]) -> None:
    name = word(_key(each, "InstanceId"))
    if name is None:
        site.findings.append(Problem("I081", "an instance without InstanceId is left out"))
        return
    if name in site.hosts:
        site.findings.append(Problem("I082", f"{name} is listed twice; the first holds", places.of(name)))
        return
    host = Host(name, position=places.of(name))
    kind = word(_key(each, "InstanceType"))
    if kind:
        host.node.gpu_model, host.node.gpus = gpus_of_type(kind)
    # The identifier of a capacity block names a single NVLink domain on UltraServers only.
    if kind and re.match(r"p6e-", kind):
        host.scale_up = word(_key(each, "CapacityBlockId"))
    site.hosts[name] = host
    found = _key(each, "NetworkNodes") or _key(each, "NetworkNodeSet")
    nodes_of[name] = [node for node in map(word, sequence(found)) if node]


def _add_groups(site: Site, nodes_of: dict[str, list[str]]) -> None:
    """Tiers by depth from the root; those without are noted when tiers are written."""
    deepest = max(map(len, nodes_of.values()), default=0)
    site.tiers = [_TIER.format(layer) for layer in range(deepest, 0, -1)]
    for name, nodes in nodes_of.items():
        site.hosts[name].groups = {_TIER.format(depth): node for depth, node in enumerate(nodes, 1)}
