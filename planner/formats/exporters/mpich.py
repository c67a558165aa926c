"""MPICH's ``mpiexec`` (Hydra): a machinefile whose lines follow the ranks.

A host whose ranks have gaps comes back later in the file. MPICH then counts its local ranks wrong,
so ``place.py`` counts them itself, and gives each process the GPU that the plan has for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.formats.exporters import Export
from planner.formats.writing.options import COMMAND, PORT
from planner.formats.writing.scripts import SHARED, place_file, proof, script
from planner.formats.writing.seats import host_of_rank, hosts_of, require_plain_names, runs

if TYPE_CHECKING:
    from planner.placement.placement import Placement

OPTIONS = (COMMAND, PORT)
NOTES = (
    SHARED,
    (
        "Arguments for `mpiexec` go into `MPIEXEC_FLAGS`, such as `MPIEXEC_FLAGS='-launcher ssh'`."
        " Do not add `-ppn` or `-hosts`, which would take the place of the machinefile."
    ),
    "Where `mpiexec` is that of another MPI, `MPIEXEC` names the right one, such as `mpiexec.hydra`.",
)


def export(placement: Placement, options: dict[str, str]) -> Export:
    """A machinefile, and the script that runs ``mpiexec`` with it."""
    hosts, names = hosts_of(placement), host_of_rank(placement)
    require_plain_names(hosts, "mpich")
    launch = script(
        "Runs all ranks under MPICH.",
        options["command"],
        f'exec "${{MPIEXEC:-mpiexec}}" ${{MPIEXEC_FLAGS:-}} -f "$here/machinefile" -n {len(names)} \\',
        f'    python3 "$here/place.py" --rank PMI_RANK --world PMI_SIZE --port {options["port"]} -- "$@"',
    )
    machines = "".join(f"{name}:{count}\n" for name, count in runs(names))
    files = {"machinefile": machines.encode(), "launch.sh": launch, **place_file()}
    return Export(files, "./launch.sh", NOTES, frozenset({"launch.sh"}), proof("./launch.sh"))
