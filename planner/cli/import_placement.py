"""`planner import-placement`: a launcher's list of ranks as a placement file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.destination import require_writable
from planner.cli.options import complete_topology, complete_workload, require_known
from planner.cli.output import write_error
from planner.errors import UsageError
from planner.placement.placement import Objective

if TYPE_CHECKING:
    from planner.formats.rank_lists.listings import Seat
    from planner.placement.placement import Placement


def import_placement(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Slurm host file, Open MPI rankfile, or ranks.csv.")
    ],
    topology: Annotated[
        str,
        typer.Option(
            metavar="TOPOLOGY",
            help="The cluster, as planner plan takes it.",
            autocompletion=complete_topology,
        ),
    ],
    workload: Annotated[
        str,
        typer.Option(
            metavar="WORKLOAD", help="The job, as planner plan takes it.", autocompletion=complete_workload
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="PLACEMENT", help="Placement file to write.")
    ],
    kind: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="FORMAT", help="slurm, rankfile or csv.", show_default="seen from the source"
        ),
    ] = None,
    gpu_map: Annotated[
        str | None,
        typer.Option(
            metavar="GPUS",
            help="GPU of the first, second, ... rank of every host, as Slurm's map_gpu: 3,2,1,0.",
        ),
    ] = None,
    objective: Annotated[Objective, typer.Option(help="What the claims are of.")] = Objective.WEIGHTED,
) -> None:
    """Read back where a launcher puts each rank, so that check, compare and diff work on it.

    What crosses each tier is measured; nothing is proven of it, so lower bounds are 0.
    """
    require_writable(output, inputs=(source, topology, workload))
    gpus = _gpus(gpu_map)
    from planner.formats.rank_lists.listings import LISTINGS, recognised, seats
    from planner.formats.rank_lists.seating import seated
    from planner.formats.reading.sources import read_source
    from planner.placement.file import write_placement
    from planner.strategy.balance import balance
    from planner.topology.load import load_topology
    from planner.workload.load import load_workload

    if kind is not None:
        require_known("--format", kind, LISTINGS)
    text, _ = read_source(source)
    listed = seats(text, kind or recognised(text))
    cluster = load_topology(topology)
    placement = seated(cluster, balance(cluster, load_workload(workload)), listed, objective, gpus)
    write_placement(placement, output)
    _report(placement, listed, gpus)
    write_error(f"written to {output}")


def _gpus(text: str | None) -> list[int]:
    """The numbers of a list such as ``3,2,1,0``."""
    entries = [] if text is None else text.split(",")
    if not all(entry.isascii() and entry.isdigit() and len(entry) < 10 for entry in entries):
        raise UsageError.of("U001", f"--gpu-map: {text!r} is no list of GPUs", expected="such as 3,2,1,0")
    return [int(entry) for entry in entries]


def _report(placement: Placement, listed: list[Seat], gpus: list[int]) -> None:
    """What was assumed, and what of the rules does not hold."""
    from planner.placement.check import check

    unsaid = sum(seat.gpu is None for seat in listed)
    if unsaid and not gpus:
        write_error(
            f"{unsaid:,} of {len(listed):,} ranks are listed without a GPU: taken to have those of their"
            " host that are in service, in order; --gpu-map says otherwise"
        )
    for finding in check(placement).findings:
        write_error(f"the placement breaks a rule: {finding}")
