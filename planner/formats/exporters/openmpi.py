"""Open MPI's ``mpirun``: a rankfile with the host of every rank, and the hosts with their slots.

Versions 4 and 5 read the same files but are told of them in other words, hence the option. A
rankfile also says on which core a rank runs; here every rank may run on all of them. ``place.py``
gives each process the GPU that the plan has for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.formats.exporters import Export
from planner.formats.writing.options import COMMAND, PORT, Option
from planner.formats.writing.scripts import SHARED, place_file, proof, script
from planner.formats.writing.seats import host_of_rank, hosts_of, require_plain_names

if TYPE_CHECKING:
    from planner.placement.placement import Placement

VERSION = Option("version", "5", "major version of Open MPI; 6 takes what 5 does", choices=("4", "5", "6"))
OPTIONS = (COMMAND, PORT, VERSION)
# Arguments of mpirun, and of place.py.
MAPPING = {
    # The rankfile of version 4 binds whatever it is told; place.py takes that back.
    "4": ('--rankfile "$here/rankfile"', " --unbind"),
    # Version 5 misreads a path with a colon, or with "pe" anywhere in it, hence one without folders.
    "5": ('--wdir "$from" --map-by rankfile:file=rankfile --bind-to none', ""),
}
MAPPING["6"] = MAPPING["5"]
NOTES = (
    SHARED,
    (
        "Arguments for `mpirun` go into `MPIRUN_FLAGS`, such as `MPIRUN_FLAGS='--mca btl tcp,self'`."
        " Do not add `--map-by` or `--bind-to`, which would take the place of the rankfile."
    ),
)


def export(placement: Placement, options: dict[str, str]) -> Export:
    """A rankfile, a hostfile and the script that runs ``mpirun`` with them."""
    hosts, names = hosts_of(placement), host_of_rank(placement)
    require_plain_names(hosts, "openmpi")
    mapping, unbind = MAPPING[options["version"]]
    launch = script(
        f"Runs all ranks under Open MPI {options['version']}.",
        options["command"],
        'from=$PWD && cd "$here"',
        f'exec mpirun ${{MPIRUN_FLAGS:-}} -np {len(names)} --hostfile "$here/hostfile" {mapping} \\',
        '    python3 "$here/place.py" --rank OMPI_COMM_WORLD_RANK --world OMPI_COMM_WORLD_SIZE \\',
        f'    --port {options["port"]}{unbind} -- "$@"',
    )
    gpus = placement.cluster.gpu_local[placement.gpu_of_rank].tolist()
    # The remark is for people, and for `planner import-placement`.
    ranks = "".join(
        f"rank {rank}={name} slot=0 # gpu {gpu}\n"
        for rank, (name, gpu) in enumerate(zip(names, gpus, strict=True))
    )
    slots = "".join(f"{host.name} slots={len(host.ranks)}\n" for host in hosts)
    files = {"rankfile": ranks.encode(), "hostfile": slots.encode(), "launch.sh": launch, **place_file()}
    return Export(files, "./launch.sh", NOTES, frozenset({"launch.sh"}), proof("./launch.sh"))
