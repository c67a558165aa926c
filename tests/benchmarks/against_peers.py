"""The planner against other tools: the same instances, the same metric, in the same run.

Every instance is solved by the planner, and by every peer that is installed and fits, in all its
settings and with several seeds; peers see the cells renumbered at random, and the best of all their
runs counts. All placements are measured by the same function (objective ``weighted``), and none may lie
below the planner's bound: that is a failure of the benchmark, which then ends with exit status 1.

Both get two threads. A run of a peer may take a minute; its time is that of the tool alone, without the
start of a process and without reading the instance, whereas the planner's is its whole run.

    tests/benchmarks/install.sh
    python -m tests.benchmarks.against_peers --max-cells 1100 --json results.json
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from planner.placement.placement import Status
from planner.solve import solve
from tests.benchmarks.instances import FAMILIES, instances
from tests.benchmarks.peers.record import Ours, Record, read_records, write_records
from tests.benchmarks.peers.registry import PEERS
from tests.benchmarks.peers.runner import run_peers
from tests.benchmarks.peers.tables import family_table, lost_table, peer_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.instances import Instance
    from tests.benchmarks.peers.runner import Outcome

WORKERS = 2


def solve_ours(instance: Instance, time_limit_s: float) -> Ours:
    """The planner's result."""
    result = solve(
        instance.cluster,
        instance.workload,
        time_limit_s=time_limit_s,
        workers=WORKERS,
    )
    trace = tuple((each.elapsed_s, each.value) for each in result.trace)
    optimal = result.status == Status.OPTIMAL
    return Ours(result.objective, result.lower_bound, optimal, result.seconds, trace)


def compared(
    instance: Instance, arguments: argparse.Namespace, known: tuple[Outcome, ...] | None = None
) -> Record:
    """One instance solved by all; `known` are outcomes of peers that need not be run again."""
    ours = solve_ours(instance, arguments.time_limit)
    if known is None:
        with tempfile.TemporaryDirectory() as folder:
            limits = {"seeds": arguments.seeds, "limit_s": arguments.peer_time_limit}
            known = tuple(run_peers(instance, Path(folder), **limits))
    return Record(instance.family.name, instance.number, instance.cells, instance.family.tiers, ours, known)


def chosen(arguments: argparse.Namespace) -> list[Instance]:
    """The instances asked for, small ones first."""
    fitting = [
        each
        for each in instances()
        if arguments.min_cells <= each.cells <= arguments.max_cells
        and (not arguments.family or each.family.name in arguments.family)
    ]
    return sorted(fitting, key=lambda each: each.cells)


def run(arguments: argparse.Namespace, console: Console) -> list[Record]:
    """Compare on all instances; the file grows with every one of them."""
    before = {record.name: record for record in read_records(arguments.json)} if arguments.json else {}
    if not (arguments.resume or arguments.keep_peers):
        before = {}
    done = dict(before)
    wanted = chosen(arguments)
    for instance in wanted:
        old = before.get(instance.name)
        if old is not None and not arguments.keep_peers:
            continue
        record = compared(instance, arguments, old.peers if old else None)
        done[instance.name] = record
        console.print(line_of(record), highlight=False)
        if arguments.json:
            write_records(done.values(), arguments.json)
    return [done[instance.name] for instance in wanted]


def line_of(record: Record) -> str:
    """What is printed once an instance is done."""
    best = record.best
    return (
        f"{record.name}: {record.cells} cells, {record.tiers} tiers; ours/best {record.ratio:.4f}, "
        f"gap {100 * record.gap:.3f} %, {record.ours.seconds:.1f} s; "
        f"best {best.peer} {best.setting} in {best.seconds:.2f} s"
    )


def report(records: Sequence[Record], console: Console) -> int:
    """Print the tables; 1 where a peer lies below the planner's bound, else 0."""
    console.print(family_table(records), peer_table(records))
    if any(record.lost for record in records):
        console.print(lost_table(records))
    wrong = [(record, outcome) for record in records for outcome in record.below_bound]
    for record, outcome in wrong:
        console.print(
            f"{record.name}: the bound {record.ours.lower_bound} is wrong: "
            f"{outcome.peer} {outcome.setting}, seed {outcome.seed} reached {outcome.value}"
        )
    return 1 if wrong else 0


def parser() -> argparse.ArgumentParser:
    """Options."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [family.name for family in FAMILIES]
    options.add_argument(
        "--family", action="append", choices=names, metavar="NAME", help="one of " + ", ".join(names)
    )
    options.add_argument("--min-cells", type=int, default=0)
    options.add_argument("--max-cells", type=int, default=sys.maxsize)
    options.add_argument("--seeds", type=int, default=3, help="of every peer in every setting")
    options.add_argument("--time-limit", type=float, default=10.0, help="of the planner, seconds")
    options.add_argument("--peer-time-limit", type=float, default=60.0, help="of one run of a peer, seconds")
    options.add_argument("--json", type=Path, help="file of the results, written after every instance")
    options.add_argument("--resume", action="store_true", help="keep the instances that are in the file")
    options.add_argument(
        "--keep-peers", action="store_true", help="keep the peers' runs that are in the file; solve anew"
    )
    return options


def main() -> None:
    """Run and print."""
    arguments = parser().parse_args()
    if (arguments.resume or arguments.keep_peers) and not arguments.json:
        parser().error("--resume and --keep-peers need --json FILE")
    console = Console(width=180)
    for peer in PEERS:
        if peer.missing:
            console.print(f"{peer.name} is missing: {peer.missing}")
    records = run(arguments, console)
    if not records:
        parser().error("no instance is of that size and family")
    sys.exit(report(records, console))


if __name__ == "__main__":
    main()
