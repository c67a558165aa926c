"""The rank table: one row a rank, with its coordinates, host, GPU, NIC and domains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.placement.placement import Placement

    Column = tuple[str, Sequence[int | str | None]]

AXES = ("tp", "cp", "ep", "pp", "dp")
FIELDS = ("rank", *AXES, "host", "gpu", "nic")


def columns(placement: Placement) -> list[Column]:
    """Columns ``rank tp cp ep pp dp host gpu nic`` and one a tier, each with its name.

    ``gpu`` and ``nic`` are indices in the host, ``nic`` None where there is none; a tier's column
    holds the path of the rank's domain.
    """
    cluster, mesh, gpus = placement.cluster, placement.workload.mesh, placement.gpu_of_rank
    ranks = np.arange(len(gpus))
    hosts = list(cluster.host_names)
    found: list[Column] = [("rank", ranks.tolist())]
    found += [(axis, mesh.coordinate(axis, ranks).tolist()) for axis in AXES]
    found.append(("host", [hosts[node] for node in cluster.gpu_node[gpus].tolist()]))
    found.append(("gpu", cluster.gpu_local[gpus].tolist()))
    found.append(("nic", [nic if nic >= 0 else None for nic in cluster.gpu_nic[gpus].tolist()]))
    for index, (tier, domain) in enumerate(zip(cluster.tiers, cluster.domain_of_gpu, strict=True)):
        paths = [cluster.domain_path(index, each) for each in range(tier.domains)]
        found.append((tier.name, [paths[each] for each in domain[gpus].tolist()]))
    return found


def to_csv(placement: Placement) -> str:
    """The table as comma-separated values under a header, an empty field where there is no NIC."""
    table = columns(placement)
    rows = map(",".join, zip(*(_fields(column) for _, column in table), strict=True))
    return "\n".join([",".join(_field(name) for name, _ in table), *rows]) + "\n"


def _fields(column: Sequence[int | str | None]) -> list[str]:
    texts = {each: "" if each is None else _field(str(each)) for each in set(column)}
    return [texts[each] for each in column]


def _field(text: str) -> str:
    """A field, quoted where it needs to be (RFC 4180)."""
    if any(character in text for character in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
