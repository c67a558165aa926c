"""GPUs and health of nodes, from slurm.conf and ``scontrol show node``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.site.site import Host, Node
from planner.topology.names import compress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.formats.reading.slurm.layout import HostLists
    from planner.formats.reading.slurm.lines import Record, Value
    from planner.formats.site.site import Site

# States in which Slurm starts no job on a node; an asterisk behind a state means that it is silent.
OUT_OF_SERVICE = {
    *("DOWN", "DRAIN", "DRAINED", "DRAINING", "ERROR", "FAIL", "FAILING", "FUTURE", "INVAL", "INVALID_REG"),
    *("MAINT", "MAINTENANCE", "NO_RESPOND", "NOT_RESPONDING"),
    *("REBOOT", "REBOOT_ISSUED", "REBOOT_REQUESTED"),
}
_GRES = re.compile(
    r"gpu(?::(?P<type>[A-Za-z_][^:,()]*))?(?::no_consume)?(?::(?P<count>[0-9]{1,6}))?", re.IGNORECASE
)


def add_nodes(site: Site, records: Iterable[Record], lists: HostLists) -> None:
    """Add what ``NodeName`` and ``DownNodes`` lines say of hosts."""
    defaults: dict[str, Value] = {}
    down = []
    for record in records:
        if record.kind == "downnodes":
            down.append(record)
        elif record.kind == "nodename" and record.name.text.upper() == "DEFAULT":
            defaults |= record.values
        elif record.kind == "nodename":
            _add(site, record, defaults, lists)
    for record in down:
        _take_down(site, record, lists)


def _add(site: Site, record: Record, defaults: dict[str, Value], lists: HostLists) -> None:
    """The hosts of one line, for which the values of the last DEFAULT lines hold too."""
    values = defaults | record.values
    gres = values.get("gres")
    gpus, model = _gpus(site, gres) if gres else (0, None)
    reason = _out_of_service(values)
    again = []
    for name in lists.expand(record.name):
        if name in site.hosts and site.hosts[name].node.gpus is not None:
            again.append(name)
            continue
        host = site.hosts.setdefault(name, Host(name, position=record.name.position))
        host.node = Node(gpus=gpus, gpu_model=model)
        host.down = reason
    if again:
        message = f"{compress(again)} described twice; the first holds"
        site.findings.append(Problem("I082", message, record.name.position))


def _gpus(site: Site, gres: Value) -> tuple[int, str | None]:
    """Number and model of the GPUs in a list of generic resources."""
    total, models = 0, []
    for item in re.sub(r"\([^)]*\)", "", gres.text).split(","):
        if not re.match(r"gpu(:|\Z)", item, re.IGNORECASE):
            continue
        match = _GRES.fullmatch(item)
        if not match:
            message = f"{item[:60]!r} is no number of GPUs, and is left out"
            site.findings.append(Problem("I022", message, gres.position, "such as gpu:8 or gpu:h100:8"))
            continue
        total += int(match["count"] or 1)
        models += [match["type"].lower()] if match["type"] else []
    if len(set(models)) > 1:
        message = f"GPUs of several models in one node; all are taken for {models[0]}"
        site.findings.append(Problem("I022", message, gres.position))
    return total, models[0] if models else None


def _out_of_service(values: dict[str, Value]) -> str | None:
    """Why a node is out of service, by its state; None where it is not."""
    state = values.get("state")
    if state is None:
        return None
    words = [word for word in re.split(r"[^A-Z_*]+", state.text.upper()) if word]
    bad = [word.rstrip("*") for word in words if word.rstrip("*") in OUT_OF_SERVICE]
    if not bad and any(word.endswith("*") for word in words):
        bad = ["not responding"]
    reason = values.get("reason")
    return " and ".join(bad) + (f": {reason.text}" if reason and reason.text else "") if bad else None


def _take_down(site: Site, record: Record, lists: HostLists) -> None:
    hosts = lists.expand(record.name)
    unknown = [name for name in hosts if name not in site.hosts]
    if unknown:
        message = f"{compress(unknown)} down, but described nowhere"
        site.findings.append(Problem("I023", message, record.name.position, "a NodeName line for each node"))
    for name in hosts:
        if name in site.hosts:
            site.hosts[name].down = _out_of_service({"state": record.name} | record.values) or "DOWN"
