"""Hugging Face's ``accelerate launch``, with a static rendezvous: one ``launch.sh`` for every host.

``start.sh`` runs it on all of them over ssh. Accelerate starts as many processes on each host, so a
plan with other numbers is refused: under ``torchrun`` the same programs run unchanged. ``place.py``
gives each process the rank and GPU that the plan has for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.formats.exporters import Export
from planner.formats.writing.options import COMMAND, PORT
from planner.formats.writing.scripts import BY_HAND, SEAT, SHARED, per_host, proof, script
from planner.formats.writing.seats import hosts_of, require_plain_names

if TYPE_CHECKING:
    from planner.formats.writing.seats import Host
    from planner.placement.placement import Placement

OPTIONS = (COMMAND, PORT)
NOTES = (
    SHARED,
    BY_HAND,
    "`accelerate.yaml` stands in for your own default configuration, which could change the launch.",
)


def export(placement: Placement, options: dict[str, str]) -> Export:
    """A configuration, a script a host, and one that starts them all."""
    hosts, ranks = hosts_of(placement), len(placement.gpu_of_rank)
    require_plain_names(hosts, "accelerate")
    _require_equal(hosts)
    launch = script(
        "Runs this host's ranks under Accelerate; to be run on every host at once.",
        options["command"],
        *SEAT,
        'exec accelerate launch --config_file "$here/accelerate.yaml" --machine_rank "$node" --no_python \\',
        '    python3 "$here/place.py" --slot LOCAL_RANK --world WORLD_SIZE -- "$@"',
    )
    files = per_host([host.name for host in hosts], launch)
    files["accelerate.yaml"] = _configuration(hosts, ranks, options["port"]).encode()
    return Export(files, "./start.sh", NOTES, frozenset({"launch.sh", "start.sh"}), proof("./start.sh"))


def _configuration(hosts: tuple[Host, ...], ranks: int, port: str) -> str:
    """What ``accelerate config`` would write."""
    values = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "MULTI_GPU" if ranks > 1 else "'NO'",
        "num_machines": len(hosts),
        "num_processes": ranks,
        "machine_rank": 0,
        "main_process_ip": hosts[0].name,
        "main_process_port": port,
        "rdzv_backend": "static",
        "same_network": "true",
        "mixed_precision": "'no'",
        "use_cpu": "false",
    }
    return "".join(f"{key}: {value}\n" for key, value in values.items())


def _require_equal(hosts: tuple[Host, ...]) -> None:
    """Refuse hosts with more or fewer ranks than the first."""
    first = hosts[0]
    other = next((host for host in hosts if len(host.ranks) != len(first.ranks)), None)
    if other:
        raise UsageError.of(
            "E004",
            f"accelerate starts as many processes on each host, the plan has {len(first.ranks)} on"
            f" {first.name} and {len(other.ranks)} on {other.name}",
            expected="the same number of ranks on every host",
            suggestion="--to torchrun, under which Accelerate's programs run unchanged",
        )
