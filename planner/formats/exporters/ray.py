"""Ray: a driver that makes an actor of every rank, on the node and GPU that the plan has for it.

Ray packs or spreads actors over its nodes as it likes, and chooses a node's GPUs itself. The driver
pins each bundle of a placement group to a node, and asks every actor which GPU it got.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.formats.exporters import Export
from planner.formats.jobside import program
from planner.formats.writing.command import as_words
from planner.formats.writing.options import COMMAND, PORT
from planner.formats.writing.scripts import SHARED
from planner.formats.writing.seats import hosts_of, require_plain_names

if TYPE_CHECKING:
    from planner.placement.placement import Placement

OPTIONS = (COMMAND, PORT)
NOTES = (
    SHARED,
    (
        "Run it where the cluster's Ray can be reached, such as on its head; RAY_ADDRESS says which cluster"
        " where there are several. A driver of your own can import `ray_place` instead."
    ),
    (
        "A host is the node of Ray with that host name. Where those differ, start the host's Ray with"
        " `--labels planner-host=NAME`, or with the custom resource `host:NAME`."
    ),
    (
        "All GPUs of the hosts are reserved, also those without a rank: Ray does not say beforehand which"
        " of them an actor gets."
    ),
)


def export(placement: Placement, options: dict[str, str]) -> Export:
    """The driver."""
    require_plain_names(hosts_of(placement), "Ray")
    driver = f"python3 ray_place.py --port {options['port']} --"
    return Export(
        {"ray_place.py": program("ray_place.py")},
        f"{driver} {as_words(options['command'])}",
        NOTES,
        proof=f"{driver} python3 planner_verify.py ranks.csv --gather proof",
    )
