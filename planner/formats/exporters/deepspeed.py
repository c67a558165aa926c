"""DeepSpeed's ``deepspeed`` launcher: its hostfile, and one ``launch.sh`` that runs on every host.

``start.sh`` runs it on all of them over ssh. DeepSpeed gives each host of the hostfile consecutive
ranks and the GPUs from 0 on; ``place.py`` then gives each process the rank and GPU that the plan
has for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.formats.exporters import Export
from planner.formats.writing.options import COMMAND, PORT
from planner.formats.writing.scripts import BY_HAND, SEAT, SHARED, per_host, proof, script
from planner.formats.writing.seats import hosts_of, require_plain_names

if TYPE_CHECKING:
    from planner.placement.placement import Placement

OPTIONS = (COMMAND, PORT)
NOTES = (
    SHARED,
    BY_HAND,
    "`slots` counts ranks, not the host's GPUs. Do not add `--include`: it sorts the slots.",
)


def export(placement: Placement, options: dict[str, str]) -> Export:
    """A hostfile, a script a host, and one that starts them all."""
    hosts = hosts_of(placement)
    require_plain_names(hosts, "deepspeed")
    launch = script(
        "Runs this host's ranks under DeepSpeed; to be run on every host at once.",
        options["command"],
        *SEAT,
        # DeepSpeed takes GPUs that are visible for a selection, which goes with no hostfile.
        "unset CUDA_VISIBLE_DEVICES",
        'exec deepspeed --hostfile "$here/hostfile" --no_ssh --node_rank "$node" \\',
        f"    --master_addr {hosts[0].name} --master_port {options['port']} --no_local_rank --no_python \\",
        '    python3 "$here/place.py" --slot LOCAL_RANK --world WORLD_SIZE -- "$@"',
    )
    files = per_host([host.name for host in hosts], launch)
    files["hostfile"] = "".join(f"{host.name} slots={len(host.ranks)}\n" for host in hosts).encode()
    return Export(files, "./start.sh", NOTES, frozenset({"launch.sh", "start.sh"}), proof("./start.sh"))
