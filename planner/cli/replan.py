"""`planner replan`: let a job go on when hardware fails or returns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.destination import require_writable
from planner.cli.interrupt import Interrupt
from planner.cli.options import JsonOption, PlacementArgument
from planner.cli.output import emit, show
from planner.cli.signals import INTERRUPTED
from planner.cli.soundness import require_sound
from planner.cli.stopwatch import Stopwatch
from planner.errors import UsageError

if TYPE_CHECKING:
    from planner.placement.placement import Placement
    from planner.repair import Repair, Wishes
    from planner.topology.cluster import Cluster

SELECTOR = "SELECTOR"


def replan(
    placement: PlacementArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="NEW", help="Placement file to write.")],
    down: Annotated[
        list[str] | None,
        typer.Option(metavar=SELECTOR, help="What fails, such as u001/r3/t05; may be given several times."),
    ] = None,
    up: Annotated[
        list[str] | None,
        typer.Option(metavar=SELECTOR, help="What returns; may be given several times."),
    ] = None,
    health: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="All that is out of service now, or the topology in its new state."
        ),
    ] = None,
    dp: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Data-parallel degree to go on with.",
            show_default="as before, or as many as there is room for",
        ),
    ] = None,
    shrink: Annotated[
        bool, typer.Option("--shrink/--no-shrink", help="Let replicas stop where there is no room for all.")
    ] = True,
    keep_batch: Annotated[
        bool,
        typer.Option("--keep-batch", help="Keep the global batch when the number of replicas changes."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Move as few ranks as can be onto what is left, check the result and write it.

    Ctrl-C or SIGTERM ends the search for cheaper places and writes what there is.
    """
    from planner.repair import Wishes

    if not (down or up or health or dp):
        raise UsageError.of(
            "U001",
            "nothing to replan for",
            expected="what changes: --down, --up, --health or --dp",
            suggestion="planner topology show, for names to select",
        )
    inputs = (placement, health) if health else (placement,)
    require_writable(output, inputs=inputs)
    watch = Stopwatch()
    with Interrupt() as interrupt:
        with watch.time("load"):
            before = _load(placement)
        with watch.time("solve"):
            cluster = _changed(before.cluster, down or [], up or [], health)
            wishes = Wishes(dp=dp, shrink=shrink, keep_batch=keep_batch)
            repair = interrupt.run(lambda: _replan(before, cluster, wishes, interrupt))
        with watch.time("check"):
            require_sound(repair.placement)
        with watch.time("write"):
            _write(repair.placement, output)
    _report(repair, watch, output, as_json=as_json)
    if interrupt.stop.is_set():
        raise typer.Exit(INTERRUPTED)


def _load(path: Path) -> Placement:
    from planner.placement.file import read_placement

    return read_placement(path)


def _changed(cluster: Cluster, down: list[str], up: list[str], health: Path | None) -> Cluster:
    """The cluster in its new state: first what the file says, then the selectors."""
    from planner.repair import Health, with_health

    if health is not None:
        from planner.repair.health_file import with_health_file

        cluster = with_health_file(cluster, health)
    return with_health(cluster, Health(down=down, up=up))


def _replan(before: Placement, cluster: Cluster, wishes: Wishes, interrupt: Interrupt) -> Repair:
    from planner.repair import replan as repaired

    return repaired(before, cluster, wishes, stop=interrupt.stop)


def _write(placement: Placement, output: Path) -> None:
    from planner.placement.file import write_placement

    write_placement(placement, output)


def _report(repair: Repair, watch: Stopwatch, output: Path, *, as_json: bool) -> None:
    from planner.report.replan import replan_document, replan_view

    if as_json:
        emit(replan_document(repair, watch.seconds) | {"output": str(output)})
    else:
        show(replan_view(repair, watch.seconds), f"written to {output}")
