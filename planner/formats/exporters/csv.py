"""A placement as comma-separated values, one row a rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.files import write_atomic

if TYPE_CHECKING:
    import os

    from planner.placement.placement import Placement

AXES = ("tp", "cp", "ep", "pp", "dp")


def write_csv(placement: Placement, path: str | os.PathLike[str]) -> None:
    """Write the rank table; the old file stays as it was if anything goes wrong.

    Raises
    ------
    InputError
        Where the file cannot be written.
    """
    write_atomic(path, to_csv(placement).encode())


def to_csv(placement: Placement) -> str:
    """Rows of ``rank,tp,cp,ep,pp,dp,host,gpu,nic`` and one column a tier, under a header.

    ``gpu`` and ``nic`` are indices in the host, ``nic`` empty where there is none; a tier's column
    holds the path of the rank's domain.
    """
    cluster, mesh, gpus = placement.cluster, placement.workload.mesh, placement.gpu_of_rank
    ranks = np.arange(len(gpus))
    header = ["rank", *AXES, "host", "gpu", "nic", *(_field(tier.name) for tier in cluster.tiers)]
    hosts = [_field(name) for name in cluster.host_names]
    # One entry more than there are NICs, so that the index -1 finds an empty field.
    nics = [*(str(nic) for nic in range(int(cluster.gpu_nic.max(initial=-1)) + 1)), ""]
    columns = [map(str, ranks.tolist())]
    columns += [map(str, mesh.coordinate(axis, ranks).tolist()) for axis in AXES]
    columns.append(map(hosts.__getitem__, cluster.gpu_node[gpus].tolist()))
    columns.append(map(str, cluster.gpu_local[gpus].tolist()))
    columns.append(map(nics.__getitem__, cluster.gpu_nic[gpus].tolist()))
    for tier, domain in enumerate(cluster.domain_of_gpu):
        paths = [_field(cluster.domain_path(tier, each)) for each in range(cluster.tiers[tier].domains)]
        columns.append(map(paths.__getitem__, domain[gpus].tolist()))
    rows = map(",".join, zip(*columns, strict=True))
    return "\n".join([",".join(header), *rows]) + "\n"


def _field(text: str) -> str:
    """A field, quoted where it needs to be (RFC 4180)."""
    if any(character in text for character in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
