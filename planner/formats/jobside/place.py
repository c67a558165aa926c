#!/usr/bin/env python3
"""Give a process the rank and GPU that ranks.csv has for it, then become the command.

Launchers start processes on hosts; this makes the plan exact whatever they number them by. It goes
with the exported files, runs under any Python 3.8 or newer, and imports nothing of the planner.

    place.py --rank VARIABLE [--world VARIABLE] [--port PORT] [--unbind] -- COMMAND...
    place.py --slot VARIABLE [...] -- COMMAND...
    place.py --node | --host

With ``--rank`` the launcher's own rank, in the environment variable of that name, is the rank; a
process that is not on the host of its rank ends with exit code 1. With ``--slot`` the launcher says
only the how many-th process of the host this is. ``--node`` prints the place of this host in the
order of the hosts' lowest ranks, and how many ranks it has; ``--host`` its name in ranks.csv.

The command gets RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, NODE_RANK and CUDA_VISIBLE_DEVICES,
the job's GPUs of this host so that LOCAL_RANK is an index into them, and with ``--port`` also
MASTER_ADDR and MASTER_PORT. PLANNER_HOST is the name of this host where the system says another.
"""

from __future__ import annotations

import argparse
import csv
import os
import socket
import sys
from pathlib import Path
from typing import NamedTuple, NoReturn


class Row(NamedTuple):
    """A rank, its host, and the index of its GPU there."""

    rank: int
    host: str
    gpu: str


def main() -> None:
    """Run the command line."""
    options = _parser().parse_args()
    rows = _table(Path(__file__).resolve().with_name("ranks.csv"))
    by_host = _by_host(rows)
    here = own_host(list(by_host))
    if options.node or options.host:
        host = here or _unknown(by_host)
        seat = f"{list(by_host).index(host)} {len(by_host[host])}"
        sys.stdout.write(f"{seat if options.node else host}\n")
        return
    if options.world and _number(options.world) != len(rows):
        _fail(f"{len(rows)} ranks are planned, {os.environ[options.world]} were launched")
    row = _by_rank(rows, options.rank, here) if options.rank else _by_slot(by_host, options.slot, here)
    os.environ.update(surroundings(row, by_host, len(rows)))
    if options.port:
        os.environ.update(MASTER_ADDR=rows[0].host, MASTER_PORT=options.port)
    if options.unbind:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    _become(options.command)


def own_host(hosts: list[str]) -> str | None:
    """Which of `hosts` this is, None where it is none of them; a domain may be left out on either side."""
    # Launchers may pass variables on to other hosts, so the host's own name comes before them.
    names = [os.environ.get("PLANNER_HOST") or socket.gethostname()]
    names += [os.environ.get(variable, "") for variable in ("SLURMD_NODENAME", "NODE_NAME")]
    for name in filter(None, names):
        short = [host for host in hosts if host.split(".")[0].lower() == name.split(".")[0].lower()]
        if name in hosts:
            return name
        if len(short) == 1 and ("." not in name or "." not in short[0]):
            return short[0]
    return None


def surroundings(row: Row, by_host: dict[str, list[Row]], world: int) -> dict[str, str]:
    """The environment of a rank."""
    own = by_host[row.host]
    node, local = list(by_host).index(row.host), own.index(row)
    found = {
        "RANK": row.rank,
        "WORLD_SIZE": world,
        "LOCAL_RANK": local,
        "LOCAL_WORLD_SIZE": len(own),
        "NODE_RANK": node,
        "GROUP_RANK": node,
        "GROUP_WORLD_SIZE": len(by_host),
        "CUDA_VISIBLE_DEVICES": ",".join(each.gpu for each in own),
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    }
    if "ROLE_RANK" in os.environ:
        found.update(ROLE_RANK=row.rank, ROLE_WORLD_SIZE=world)
    return {name: str(value) for name, value in found.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Give a process the rank and GPU that ranks.csv has for it.")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--rank", metavar="VARIABLE", help="environment variable with the launcher's rank")
    how.add_argument("--slot", metavar="VARIABLE", help="environment variable with the process of the host")
    how.add_argument("--node", action="store_true", help="print number and ranks of this host")
    how.add_argument("--host", action="store_true", help="print the name of this host in ranks.csv")
    parser.add_argument("--world", metavar="VARIABLE", help="environment variable with the number of ranks")
    parser.add_argument("--port", help="set MASTER_ADDR and MASTER_PORT")
    parser.add_argument("--unbind", action="store_true", help="let the process run on every core")
    parser.add_argument("command", nargs="*", help="what to run")
    return parser


def _table(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        return [Row(int(row["rank"]), row["host"], row["gpu"]) for row in csv.DictReader(file)]


def _by_host(rows: list[Row]) -> dict[str, list[Row]]:
    """Rows of each host, the hosts in the order of their lowest ranks."""
    found: dict[str, list[Row]] = {}
    for row in sorted(rows):
        found.setdefault(row.host, []).append(row)
    return found


def _by_rank(rows: list[Row], variable: str, here: str | None) -> Row:
    rank = _number(variable)
    if rank >= len(rows):
        _fail(f"rank {rank} was launched, {len(rows)} ranks are planned")
    if rows[rank][1] != here:
        _fail(
            f"rank {rank} was launched on {here or socket.gethostname()}, the plan has it on {rows[rank][1]}"
        )
    return rows[rank]


def _by_slot(by_host: dict[str, list[Row]], variable: str, here: str | None) -> Row:
    slot = _number(variable)
    own = by_host[here or _unknown(by_host)]
    if slot >= len(own):
        _fail(f"process {slot} was launched on {here}, the plan has {len(own)} there")
    return own[slot]


def _number(variable: str) -> int:
    value = os.environ.get(variable, "")
    if not value.isdigit():
        _fail(
            f"{variable} is {value!r}, not a number: this was not started by the launcher it was written for"
        )
    return int(value)


def _unknown(by_host: dict[str, list[Row]]) -> NoReturn:
    shown = ", ".join(list(by_host)[:5])
    name = socket.gethostname()
    _fail(f"host {name} is not in ranks.csv, which has {shown}; PLANNER_HOST tells its name there")


def _become(command: list[str]) -> None:
    if not command:
        _fail("no command to run")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        _fail(f"cannot run {command[0]}: {error.strerror}")


def _fail(message: str) -> NoReturn:
    sys.stderr.write(f"place.py: {message}\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
