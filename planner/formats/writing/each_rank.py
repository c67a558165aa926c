"""The launch of every rank of a host by a script alone, for frameworks that bring no launcher."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.formats.writing.scripts import ENDING, SEAT, SHARED, WAITING, per_host, proof, script

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.formats.writing.seats import Host

START = "./start.sh"
PROOF = proof(START)
BY_OTHERS = (
    "`start.sh` reaches the hosts by ssh. Whatever starts `launch.sh` once on every host does as well, such"
    " as `srun --ntasks-per-node=1 ./launch.sh`: each host finds its own ranks and GPUs in `ranks.csv`."
)
NOTES = (SHARED, BY_OTHERS)
ON_THE_PATH = 'export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"'
"""Line of ``launch.sh`` by which programs of the rank can import the modules beside it."""


def launch_files(
    hosts: Iterable[Host], about: str, command: str, port: str, *lines: str, more: str = ""
) -> dict[str, bytes]:
    """``launch.sh``, which starts the ranks of a host, ``start.sh``, which runs it on all, and their parts.

    Parameters
    ----------
    about
        What ``launch.sh`` says of itself.
    command
        What every rank runs, as a shell would read it.
    port
        Where the ranks first meet, on the host of rank 0.
    lines
        Of shell, which come before the start and may change ``"$@"``.
    more
        Words that `command` gets behind it.
    """
    place = f'python3 "$here/place.py" --slot PLANNER_SLOT --port {port}'
    start = (
        *ENDING,
        "for ((slot = 0; slot < ranks; slot++)); do",
        f'    PLANNER_SLOT=$slot {place} -- "$@" &',
        "done",
        *WAITING,
    )
    return per_host([host.name for host in hosts], script(about, command, *lines, *SEAT, *start, more=more))
