"""The placement file: one JSON document that holds all there is to know of a placement.

Every large column stands on a line of its own. The file's own digest covers every byte, so a file
that was changed in any way, were it only its spaces, no longer fits it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import planner
from planner.errors import CheckError, InputError
from planner.files import write_atomic
from planner.placement.parse import contradiction, parse, read_bytes
from planner.placement.placement import Placement
from planner.placement.schema import InputDigests, PlacementFile, RankTable, Section
from planner.placement.stated import DigestPair, Stated
from planner.placement.stored_cluster import cluster_of, cluster_section
from planner.placement.stored_workload import claims_of, claims_section, workload_of, workload_section

if TYPE_CHECKING:
    import os


COLUMNS = ("node", "local_gpu", "nic", "rail")
_PREFIX = "sha256:"
_BLANK = _PREFIX + "0" * 64


def write_placement(placement: Placement, path: str | os.PathLike[str]) -> None:
    """Write a placement file; the old file stays as it was if anything goes wrong.

    Raises
    ------
    InputError
        Where the file cannot be written.
    """
    write_atomic(path, to_bytes(placement))


def input_digests(placement: Placement) -> InputDigests:
    """Digests of the topology and the workload, as the placement's file bears them."""
    topology, workload = cluster_section(placement.cluster), workload_section(placement.workload)
    return InputDigests(topology=_digest(_json(topology)), workload=_digest(_json(workload)))


def to_bytes(placement: Placement) -> bytes:
    """The placement file as bytes; the same placement gives the same bytes."""
    cluster, gpu = placement.cluster, placement.gpu_of_rank
    topology, workload = cluster_section(cluster), workload_section(placement.workload)
    document = PlacementFile(
        format="planner-placement",
        format_version=1,
        planner_version=planner.__version__,
        digest=_BLANK,
        inputs=InputDigests(topology=_digest(_json(topology)), workload=_digest(_json(workload))),
        claims=claims_section(placement.claims),
        workload=workload,
        topology=topology,
        # As they are: what is planned has no entry that could not be.
        ranks=RankTable.model_construct(
            gpu=gpu,
            node=cluster.gpu_node[gpu],
            local_gpu=cluster.gpu_local[gpu],
            nic=cluster.gpu_nic[gpu],
            rail=cluster.gpu_rail[gpu],
        ),
    )
    blank = _text(document).encode()
    return blank.replace(_BLANK.encode(), _digest(blank).encode(), 1)


def read_placement(path: str | os.PathLike[str], *, verify: bool = True) -> Placement:
    """Read a placement file.

    Parameters
    ----------
    verify
        Refuse a file that was changed after it was written, or that puts ranks where no GPU is.
        Without, both are left for `planner.check` to find.

    Raises
    ------
    InputError
        For anything that is no placement file of this version (P001 to P005).
    CheckError
        Where the content does not fit the file's digest (P006).
    """
    placement = from_bytes(read_bytes(Path(path)), str(path))
    if verify:
        _require_untouched(placement)
    return placement


def from_bytes(raw: bytes, name: str = "<bytes>") -> Placement:
    """The placement that `to_bytes` gave these bytes for, not verified; `name` is for messages.

    Raises
    ------
    InputError
        As `read_placement`.
    """
    document = parse(raw, name)
    try:
        cluster = cluster_of(document.topology)
        workload = workload_of(document.workload, cluster)
        columns = _columns(document.ranks)
    except InputError as error:
        # A range of names that cannot be read.
        raise contradiction(name, error.problems[0].message) from None
    except ValueError as error:
        raise contradiction(name, str(error)) from None
    stated = Stated(
        path=name,
        planner_version=document.planner_version,
        digests=_digests(document, raw),
        columns={column: columns[column] for column in COLUMNS},
        gap=float(document.claims.gap),
    )
    return Placement(cluster, workload, columns["gpu"], claims_of(document.claims), stated)


def _text(document: PlacementFile) -> str:
    """The document with one line a key, down to the columns."""
    lines = []
    for name in PlacementFile.model_fields:
        value = getattr(document, name)
        if isinstance(value, Section):
            inner = ",\n".join(f"    {_member(value, key)}" for key in type(value).model_fields)
            lines.append(f'  "{name}": {{\n{inner}\n  }}')
        else:
            lines.append(f"  {_member(document, name)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _member(section: Section, key: str) -> str:
    """``"key": value`` of one field."""
    value = section.model_dump_json(include={key})[1:-1].removeprefix(f'"{key}":')
    return f'"{key}": {value}'


def _json(section: Section) -> bytes:
    return section.model_dump_json().encode()


def _digest(content: bytes) -> str:
    return _PREFIX + hashlib.sha256(content).hexdigest()


def _digests(document: PlacementFile, raw: bytes) -> dict[str, DigestPair]:
    blank = raw.replace(document.digest.encode(), _BLANK.encode(), 1)
    inputs = document.inputs
    return {
        "file": DigestPair(document.digest, _digest(blank)),
        "topology": DigestPair(inputs.topology, _digest(_json(document.topology))),
        "workload": DigestPair(inputs.workload, _digest(_json(document.workload))),
    }


def _columns(ranks: RankTable) -> dict[str, np.ndarray[tuple[int], np.dtype[np.int32]]]:
    columns = {name: getattr(ranks, name) for name in ("gpu", *COLUMNS)}
    for name, column in columns.items():
        if len(column) != len(ranks.gpu):
            raise ValueError(f"ranks.{name}: expected {len(ranks.gpu)} entries as in gpu, got {len(column)}")
    return columns


def _require_untouched(placement: Placement) -> None:
    stated = placement.stated
    if stated is None:
        return
    changed = [covers for covers, pair in stated.digests.items() if pair.stated != pair.found]
    if changed:
        raise CheckError.of(
            "P006",
            f"{stated.path} was changed after it was written: wrong digest of its {', '.join(changed)}",
            expected=f"content with the digest {stated.digests[changed[0]].stated}",
            suggestion="planner check, to see what no longer holds",
        )
    gpus, world = placement.cluster.gpus, placement.workload.mesh.world_size
    ranks = len(placement.gpu_of_rank)
    if ranks != world:
        raise contradiction(stated.path, f"{ranks} ranks for a workload of {world}")
    beyond = np.flatnonzero(placement.gpu_of_rank >= gpus)
    if beyond.size:
        gpu = placement.gpu_of_rank[beyond[0]]
        raise contradiction(stated.path, f"rank {beyond[0]} is on GPU {gpu} of a cluster of {gpus}")
