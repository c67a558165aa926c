"""JAX: the mesh over a permutation of its devices, and the launch that gives each process its number.

``jax.make_mesh`` and ``create_hybrid_device_mesh`` choose an order of their own. A ``Mesh`` over the
devices in the planned order is exact; JAX numbers devices by process, so that each process has to
get its planned number, and to see the planned GPUs alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.formats.exporters import Export
from planner.formats.jobside import program
from planner.formats.writing.data import to_json
from planner.formats.writing.each_rank import NOTES, ON_THE_PATH, PROOF, START, launch_files
from planner.formats.writing.mesh_dims import DIMS, mesh_plan
from planner.formats.writing.options import COMMAND, PORT, Option
from planner.formats.writing.scripts import SEAT, per_host, script
from planner.formats.writing.seats import hosts_of, require_plain_names

if TYPE_CHECKING:
    from planner.formats.writing.seats import Host
    from planner.placement.placement import Placement

OPTIONS = (
    COMMAND,
    PORT,
    DIMS,
    Option("process", "gpu", "whether a process has one GPU, or all of its host's", choices=("gpu", "host")),
)
ABOUT = "Starts the processes of this host under JAX."


def export(placement: Placement, options: dict[str, str]) -> Export:
    """The module, what it reads, and launch scripts."""
    mesh, hosts = placement.workload.mesh, hosts_of(placement)
    require_plain_names(hosts, "JAX")
    plan = {"process_is": options["process"], **mesh_plan(mesh, options["dims"])}
    one_gpu = options["process"] == "gpu"
    launch = launch_files if one_gpu else _one_process
    files = {
        "jax.json": to_json(plan),
        "jax_mesh.py": program("jax_mesh.py"),
        **launch(hosts, ABOUT, options["command"], options["port"], ON_THE_PATH),
    }
    experts = " and `jax_mesh.build_expert()` that of the experts" if mesh.ep > 1 else ""
    return Export(
        files,
        command=START,
        notes=(
            (
                "Call `jax_mesh.initialize()` before anything else of JAX; it takes the place of"
                f" `jax.distributed.initialize`. `jax_mesh.build()` makes the mesh{experts}."
            ),
            "`jax.make_mesh` and `create_hybrid_device_mesh` would put the devices in an order of their own.",
            *NOTES,
        ),
        executable=frozenset({"launch.sh", "start.sh"}),
        proof=PROOF if one_gpu else "",
    )


def _one_process(
    hosts: tuple[Host, ...], about: str, command: str, port: str, *lines: str
) -> dict[str, bytes]:
    """As `launch_files`, with a single process a host."""
    first = hosts[0].name
    start = (f"export NODE_RANK=$node MASTER_ADDR={first} MASTER_PORT={port}", 'exec "$@"')
    return per_host([host.name for host in hosts], script(about, command, *lines, *SEAT, *start))
