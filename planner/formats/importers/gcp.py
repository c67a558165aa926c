"""Google Cloud: what ``gcloud compute instances list --format json`` prints.

``resourceStatus.physicalHostTopology`` has cluster, block, sub-block and host, each of which may be
missing or null.
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

# The innermost first, each with all its spellings. Several machines on one host do not happen with GPUs.
TIERS = (
    ("subblock", ("subBlock", "subblock", "sub_block")),
    ("block", ("block",)),
    ("cluster", ("cluster",)),
)
# Families of which a sub-block is one NVLink domain.
NVLINK_FAMILIES = ("a4x-",)
RUNNING = ("RUNNING",)
# Families that have a GPU only where one is listed beside.
_WITHOUT = re.compile(r"(?:n[1-9]|e2|c[2-9]|m[1-9]|t2|h[3-9]|z[3-9])[a-z]*-")


def recognises(source: Source) -> bool:
    """Whether it holds instances with the place of their host."""
    return any(_place(each) is not None for each in _instances(recognised_documents(source))[:20])


def read(source: Source) -> Site:
    """Instances with their blocks as tiers.

    Raises
    ------
    InputError
        I080 where there is no instance.
    """
    site, places = Site(), Places(source)
    for each in _instances(documents(source)):
        _add(site, places, each)
    if not site.hosts:
        raise InputError.of(
            "I080",
            f"no instance in {source.name}",
            expected="what gcloud compute instances list --format json prints",
            position=source.position(1),
        )
    used = {tier for host in site.hosts.values() for tier in host.groups}
    site.tiers = [tier for tier, _ in TIERS if tier in used]
    return site


def _instances(found: list[Any]) -> list[dict[str, Any]]:
    """Instances of a list, of the pages of a list, or alone."""
    instances: list[dict[str, Any]] = []
    for document in found:
        items = mapping(document).get("items", mapping(document).get("instances"))
        listed = items if isinstance(items, list) else document if isinstance(document, list) else [document]
        instances += [each for each in listed if isinstance(each, dict)]
    return instances


def _place(each: dict[str, Any]) -> dict[str, Any] | None:
    """Where the host of an instance stands; None where the key is missing."""
    status = mapping(each.get("resourceStatus"))
    for holder in (status, each):
        if "physicalHostTopology" in holder:
            return mapping(holder["physicalHostTopology"])
    path = word(status.get("physicalHost"))
    if path is None:
        return None
    # The older form is one path: /block/subblock/host.
    block, subblock, *_ = [*path.strip("/").split("/"), "", ""]
    return {"block": block, "subBlock": subblock}


def _add(site: Site, places: Places, each: dict[str, Any]) -> None:
    name = word(each.get("name"))
    if name is None:
        site.findings.append(Problem("I081", "an instance without a name is left out"))
        return
    if name in site.hosts:
        site.findings.append(Problem("I082", f"{name} is listed twice; the first holds", places.of(name)))
        return
    host = site.hosts[name] = Host(name, position=places.of(name))
    kind = (word(each.get("machineType")) or "").rsplit("/", 1)[-1]
    host.node.gpu_model, host.node.gpus = _gpus(each, kind)
    place = _place(each) or {}
    for tier, spellings in TIERS:
        found = next((value for key in spellings if (value := word(place.get(key)))), None)
        if found:
            host.groups[tier] = found
    if kind.startswith(NVLINK_FAMILIES):
        host.scale_up = host.groups.get("subblock")
    status = word(each.get("status"))
    if status is not None and status not in RUNNING:
        host.down = f"status {status}"


def _gpus(each: dict[str, Any], kind: str) -> tuple[str | None, int | None]:
    """Model and number of GPUs, as the instance lists them or else by its type; 0 for types without."""
    model, number = gpus_of_type(kind)
    listed = [mapping(each) for each in sequence(each.get("guestAccelerators"))]
    words = [word(one.get("acceleratorCount")) or "" for one in listed]
    counts = [int(count) for count in words if re.fullmatch(r"[0-9]{1,3}", count)]
    kinds = [word(one.get("acceleratorType")) for one in listed]
    stated = next((one.rsplit("/", 1)[-1] for one in kinds if one), None)
    if not counts and _WITHOUT.match(kind):
        return None, 0
    return model or stated, sum(counts) if counts else number
