"""Parts that the launchers' scripts share."""

from __future__ import annotations

from planner.formats.jobside import program
from planner.formats.writing.command import as_words

PLACE = "place.py"
PROOF = "planner_verify.py"
SHARED = "The folder must lie at the same path on every host."
BY_HAND = (
    "Without ssh, run `launch.sh` on each host of `hosts`, in any order and at once; it finds by the host's"
    " name which one it is."
)
HERE = 'here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)'


def place_file() -> dict[str, bytes]:
    """The script that gives each process its rank and GPU."""
    return {PLACE: program(PLACE)}


def script(
    about: str, command: str, *lines: str, here: str = HERE, before: tuple[str, ...] = (), more: str = ""
) -> bytes:
    """A shell script that runs `command`, or what it is given, in the way that `lines` say.

    The lines find the folder of the exported files in ``$here``, which the line `here` sets, and what
    to run in ``"$@"``. The working folder stays that of the caller. Lines `before` all commands are
    what a scheduler reads. Words that `command` alone gets behind it are `more`.
    """
    head = [
        "#!/usr/bin/env bash",
        *before,
        f"# {about}",
        "# What is given to this script is run in place of the command below.",
        "set -euo pipefail",
        here,
        f"[ $# -gt 0 ] || set -- {as_words(command, more)}",
    ]
    return ("\n".join([*head, *lines]) + "\n").encode()


# To stand before processes start in the background, where the terminal's Ctrl-C does not reach them.
ENDING = (
    'end() { trap - INT TERM HUP; kill $(jobs -p) 2>/dev/null; wait; exit "$1"; }',
    "trap 'end 129' HUP; trap 'end 130' INT; trap 'end 143' TERM",
)
# To stand behind them.
WAITING = (
    "# The first that fails ends the others: they would wait for it.",
    'while [ -n "$(jobs -p)" ]; do',
    "    wait -n || end $?",
    "done",
)


def start_script(hosts: list[str]) -> dict[str, bytes]:
    """What runs ``launch.sh`` on every host at once, and the list of the hosts."""
    lines = (
        "#!/usr/bin/env bash",
        "# Runs launch.sh on every host at once, over ssh unless PLANNER_SSH names another way.",
        "set -uo pipefail",
        HERE,
        *ENDING,
        'printf -v run "%q " "$here/launch.sh" "$@"',
        'printf -v there "%q" "$PWD"',
        "while read -r host; do",
        '    ${PLANNER_SSH:-ssh} "$host" "cd $there && exec $run" </dev/null &',
        'done <"$here/hosts"',
        *WAITING,
    )
    return {"start.sh": ("\n".join(lines) + "\n").encode(), "hosts": ("\n".join(hosts) + "\n").encode()}


def per_host(hosts: list[str], launch: bytes) -> dict[str, bytes]:
    """The files of a launcher that is started once on every host."""
    return {"launch.sh": launch, **start_script(hosts), **place_file()}


VERIFY = f"python3 {PROOF} ranks.csv"


def proof(launch: str) -> str:
    """The command that has `launch` run the proof on every rank, and makes one table of it."""
    # Some launchers end all processes once one fails, and so would hide what the others have to say.
    return f"{launch} {VERIFY} --exit-zero | python3 {PROOF} check ranks.csv"


# Sets $node, the number of this host, and $ranks, how many ranks it has.
SEAT = ('seat=$(python3 "$here/place.py" --node)', 'read -r node ranks <<<"$seat"')
