"""A binary table of every rank for programs in C, and the header that maps it into memory.

``placement.map`` holds for every rank its host, GPU, NIC and rail, its coordinates, group and
neighbours on each axis, its stage and layers and the nearest spare GPU; ``planner_map.h`` (C11 or
C++11, no dependencies) opens it, refuses a map that is stale, damaged or of another version, and looks
things up. ``planner_job.h`` has the digests of the topology and the workload that the map must be of.
With ``--changed-from OLD`` the folder has ``placement.patch`` instead: the rows that differ from those
of another placement of the same job, which ``planner_patch.h`` applies to a map in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.formats.exporters import Export
from planner.formats.jobside import program
from planner.formats.writing.c_map.layout import BYTE_ORDERS
from planner.formats.writing.c_map.patch import patch
from planner.formats.writing.c_map.whole import map_bytes
from planner.formats.writing.options import Option
from planner.placement.file import input_digests

if TYPE_CHECKING:
    from planner.placement.placement import Placement

OPTIONS = (
    Option(
        "byte-order",
        "little",
        "byte order of the machines that read the map",
        choices=tuple(BYTE_ORDERS),
    ),
)
MAP, PATCH = "placement.map", "placement.patch"
EXAMPLE = "lookup.c"
DEGREES = ("tp", "cp", "ep", "edp", "dp", "pp", "vp")


def export(placement: Placement, options: dict[str, str]) -> Export:
    """The map, its header and an example program."""
    files = {MAP: map_bytes(placement, options["byte-order"]), **_sources(placement)}
    notes = (
        "`cc -std=c11 -O2 lookup.c -o lookup && ./lookup placement.map 0` prints where rank 0 is.",
        (
            "A program includes `planner_map.h` and `planner_job.h`, and opens the map with the digests of"
            " the latter: a map that was planned for another topology or workload is refused."
        ),
    )
    return Export(files, notes=notes)


def export_changes(placement: Placement, base: Placement, options: dict[str, str]) -> Export:
    """The patch that brings the map of `base` up to `placement`.

    Raises
    ------
    UsageError
        E025 where the two differ in more than where ranks are.
    """
    order = options["byte-order"]
    made = patch(map_bytes(base, order), map_bytes(placement, order), order)
    notes = (
        "`planner_map_patch` applies `placement.patch` to a private map of the placement before.",
        "`planner_job.h` has the digests of the new placement, which a patched map bears.",
    )
    return Export({PATCH: made, **_sources(placement)}, notes=notes)


def _sources(placement: Placement) -> dict[str, bytes]:
    names = ("planner_map.h", "planner_patch.h", EXAMPLE)
    return {"planner_job.h": _job_header(placement), **{name: program(name) for name in names}}


def _job_header(placement: Placement) -> bytes:
    """What a program can be compiled against: digests and degrees."""
    digests, mesh = input_digests(placement), placement.workload.mesh
    numbers = {"WORLD_SIZE": mesh.world_size, **{axis.upper(): mesh.degree(axis) for axis in DEGREES}}
    lines = [
        "/* What a map must have been planned for. */",
        "#ifndef PLANNER_JOB_H",
        "#define PLANNER_JOB_H",
        f'#define PLANNER_JOB_TOPOLOGY "{digests.topology}"',
        f'#define PLANNER_JOB_WORKLOAD "{digests.workload}"',
        *(f"#define PLANNER_JOB_{name} {number}u" for name, number in numbers.items()),
        "#endif",
    ]
    return ("\n".join(lines) + "\n").encode()
