"""PyTorch's ``torchrun``, with a static rendezvous: one ``launch.sh`` that runs on every host.

``start.sh`` runs it on all of them over ssh. The c10d rendezvous would number the hosts as it likes.
torchrun gives each host consecutive ranks; ``place.py`` then gives each process the rank and GPU
that the plan has for it, so hosts may have any ranks, and as many as they like.
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
    "The rendezvous is static. Do not add `--rdzv-backend`: c10d ignores the hosts' numbers.",
)


def export(placement: Placement, options: dict[str, str]) -> Export:
    """A script a host, and one that starts them all."""
    hosts = hosts_of(placement)
    require_plain_names(hosts, "torchrun")
    launch = script(
        "Runs this host's ranks under torchrun; to be run on every host at once.",
        options["command"],
        *SEAT,
        f'exec torchrun --nnodes={len(hosts)} --node-rank="$node" --nproc-per-node="$ranks" \\',
        f"    --master-addr={hosts[0].name} --master-port={options['port']} \\",
        '    --no-python python3 "$here/place.py" --slot LOCAL_RANK --world WORLD_SIZE -- "$@"',
    )
    return Export(
        per_host([host.name for host in hosts], launch),
        "./start.sh",
        NOTES,
        frozenset({"launch.sh", "start.sh"}),
        proof("./start.sh"),
    )
