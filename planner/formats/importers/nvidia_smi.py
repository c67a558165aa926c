"""What `nvidia-smi` prints on a node.

Reads `nvidia-smi topo -m` (GPUs, NVLinks, NICs and which GPU each is nearest to). Where the same
text, or another source, also holds `nvidia-smi`, `nvidia-smi -L`, `nvidia-smi -q`, `nvidia-smi nvlink
-s`, `nvidia-smi --query-gpu=... --format=csv` or lines of the kernel's log, models and health come from
there. What pdsh, clush or dshbak gathered from many hosts gives the GPUs and the health of each.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.errors import InputError, Problem
from planner.formats.reading.inside.assemble import site_of
from planner.formats.reading.inside.gathered import PREFIX, in_whole_line, lines_by_host, lines_of
from planner.formats.reading.inside.reports import Reports
from planner.formats.reading.inside.topo_matrix import find_matrix
from planner.formats.site.site import Host, Site

if TYPE_CHECKING:
    from planner.errors import Position
    from planner.formats.site.site import Source

_PREFIXES = re.compile(rf"^{PREFIX.pattern}", re.MULTILINE)

_COLUMN = r"[a-z][a-z0-9_.]*(?: \[[^\]\n]*\])?"
_SIGNS = re.compile(
    r"^(?:\x1b\[[0-9;]*m|[ \t])*GPU0\s.*\n(?:[ \t]*\n)*[ \t]*GPU0\s+(?:X|NV\d+|[A-Z]{3,4})(?:\s|$)"
    r"|=+NVSMI LOG=+|^GPU \d+: .*\(UUID: |\bNVIDIA-SMI \d|^Unable to determine the device handle"
    r"|^(?=[^\n]*(?:index, ?name|pci\.bus_id|gpu_bus_id|gpu_name|uuid|memory\.total|ecc\.|mig\.mode))"
    rf"{_COLUMN}(?:, ?{_COLUMN})+$",
    re.MULTILINE,
)


def recognises(source: Source) -> bool:
    """Whether this looks like any of `nvidia-smi`'s reports, of one host or many."""
    head = source.text[:200_000]
    return bool(_SIGNS.search(head) or _SIGNS.search(_PREFIXES.sub("", head)))


def read(source: Source) -> Site:
    """The node that the report was made on, or each host of those that were asked.

    Raises
    ------
    InputError
        I060 where no GPU is in it.
    """
    lines, findings = lines_of(source), list[Problem]()
    hosts = lines_by_host(lines, findings)
    if not hosts:
        return _read(lines, source, findings)
    site = Site(findings=findings)
    for host, own in hosts.items():
        _add_host(site, source, host, own)
    if not any(each.node.gpus for each in site.hosts.values()):
        raise InputError(site.findings[0], *site.findings[1:])
    return site


def _read(lines: list[Position], source: Source, findings: list[Problem]) -> Site:
    """One node."""
    matrix = find_matrix(lines, findings)
    gpus = Reports(lines, findings).complete(matrix.gpus())
    return site_of(source, gpus, matrix.adapters(), findings)


def _add_host(site: Site, source: Source, name: str, lines: list[Position]) -> None:
    """Add what one host said; one that has lost all its GPUs is out of service."""
    host = Host(name, position=in_whole_line(source, lines[0]))
    try:
        own = _read(lines, source, [])
    except InputError as error:
        host.down = "nvidia-smi shows no GPU"
        problem = replace(error.problems[0], message="no GPU is in its report", position=lines[0])
        own = Site(findings=[problem])
    host.node = own.node
    site.hosts[name] = host
    site.findings += [
        replace(each, message=f"{name}: {each.message}", position=in_whole_line(source, each.position))
        for each in own.findings
    ]
    site.assumptions += [each for each in own.assumptions if each not in site.assumptions]
