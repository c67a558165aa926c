"""PyTorch's DeviceMesh: a module that builds the planned mesh, and the launch that its ranks need.

``DeviceMesh(kind, ranks, mesh_dim_names=...)`` takes the ranks as a tensor, so any order of axes can
be said. What it cannot say is where a rank is: that is the launch's part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.formats.exporters import Export
from planner.formats.jobside import program
from planner.formats.writing.data import to_json
from planner.formats.writing.each_rank import NOTES, ON_THE_PATH, PROOF, START, launch_files
from planner.formats.writing.mesh_dims import DIMS, mesh_plan
from planner.formats.writing.options import COMMAND, PORT, Option
from planner.formats.writing.seats import hosts_of, require_plain_names

if TYPE_CHECKING:
    from planner.placement.placement import Placement

OPTIONS = (
    COMMAND,
    PORT,
    DIMS,
    Option("kind", "cuda", "kind of device that the mesh is of", choices=("cuda", "cpu", "xpu", "hpu")),
)


def export(placement: Placement, options: dict[str, str]) -> Export:
    """The module, what it reads, and launch scripts."""
    mesh, hosts = placement.workload.mesh, hosts_of(placement)
    require_plain_names(hosts, "PyTorch")
    plan = {"kind": options["kind"], **mesh_plan(mesh, options["dims"])}
    files = {
        "mesh.json": to_json(plan),
        "device_mesh.py": program("device_mesh.py"),
        **launch_files(
            hosts, "Starts the ranks of this host.", options["command"], options["port"], ON_THE_PATH
        ),
    }
    experts = " and `device_mesh.build_expert()` that of the experts" if mesh.ep > 1 else ""
    return Export(
        files,
        command=START,
        notes=(
            (
                f"`device_mesh.build()` makes the mesh{experts}; `launch.sh` puts `device_mesh.py` on the"
                " path of Python. `init_device_mesh` would number the ranks in another order."
            ),
            *NOTES,
        ),
        executable=frozenset({"launch.sh", "start.sh"}),
        proof=PROOF,
    )
