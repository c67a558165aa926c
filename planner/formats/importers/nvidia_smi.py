"""What `nvidia-smi` prints on a node.

Reads `nvidia-smi topo -m` (GPUs, NVLinks, NICs and which GPU each is nearest to). Where the same
text, or another source, also holds `nvidia-smi`, `nvidia-smi -L`, `nvidia-smi -q`, `nvidia-smi
--query-gpu=... --format=csv` or lines of the kernel's log, models and health come from there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from planner.formats.inside.assemble import site_of
from planner.formats.inside.reports import Reports
from planner.formats.inside.topo_matrix import find_matrix

if TYPE_CHECKING:
    from planner.errors import Problem
    from planner.formats.site.site import Site, Source

_COLUMN = r"[a-z][a-z0-9_.]*(?: \[[^\]\n]*\])?"
_SIGNS = re.compile(
    r"^(?:\x1b\[[0-9;]*m|[ \t])*GPU0\s.*\n(?:[ \t]*\n)*[ \t]*GPU0\s+(?:X|NV\d+|[A-Z]{3,4})(?:\s|$)"
    r"|=+NVSMI LOG=+|^GPU \d+: .*\(UUID: |\bNVIDIA-SMI \d|^Unable to determine the device handle"
    r"|^(?=[^\n]*(?:index, ?name|pci\.bus_id|gpu_bus_id|gpu_name|uuid|memory\.total|ecc\.|mig\.mode))"
    rf"{_COLUMN}(?:, ?{_COLUMN})+$",
    re.MULTILINE,
)


def recognises(source: Source) -> bool:
    """Whether this looks like any of `nvidia-smi`'s reports."""
    return bool(_SIGNS.search(source.text[:200_000]))


def read(source: Source) -> Site:
    """The node that the report was made on."""
    findings: list[Problem] = []
    matrix = find_matrix(source, findings)
    gpus = Reports(source, findings).complete(matrix.gpus())
    return site_of(source, gpus, matrix.adapters(), findings)
