"""`planner replan`: let a job go on when hardware fails or returns."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.changed_rows import require_empty, write_changed_rows
from planner.cli.destination import require_writable
from planner.cli.fleet_folder import is_placed_fleet
from planner.cli.interrupt import Interrupt
from planner.cli.options import JsonOption, PlacementArgument
from planner.cli.output import emit, show, write_error
from planner.cli.signals import INTERRUPTED
from planner.cli.soundness import require_sound
from planner.cli.stopwatch import Stopwatch
from planner.errors import InputError, UsageError

if TYPE_CHECKING:
    from planner.placement.placement import Placement
    from planner.repair import Repair, Wishes
    from planner.repair.front import Point
    from planner.topology.cluster import Cluster

SELECTOR = "SELECTOR"


def replan(
    placement: PlacementArgument,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="NEW", help="Placement file to write.")],
    down: Annotated[
        list[str] | None,
        typer.Option(metavar=SELECTOR, help="What fails, such as p01/u01/r1/t05; repeatable."),
    ] = None,
    up: Annotated[
        list[str] | None,
        typer.Option(metavar=SELECTOR, help="What returns; repeatable."),
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
            help="Data-parallel degree to go on with; what there is room for, if that is less.",
            show_default="as before",
        ),
    ] = None,
    shrink: Annotated[
        bool, typer.Option("--shrink/--no-shrink", help="Go on with fewer replicas where there is no room.")
    ] = True,
    keep_batch: Annotated[
        bool,
        typer.Option("--keep-batch", help="Keep the global batch when the number of replicas changes."),
    ] = False,
    max_moves: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Ranks that may move where that saves crossing bytes.",
            show_default="the fewest there can be",
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="BYTES", help="Parameters and optimizer state that may move, such as 2 TB."),
    ] = None,
    with_front: Annotated[
        bool,
        typer.Option("--front", help="Also print what more moves would buy, up to a plan made afresh."),
    ] = False,
    changed_rows: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Also write the rows that changed of the map that export --to c writes."
        ),
    ] = None,
    deterministic: Annotated[  # noqa: ARG001  # every repair is
        bool, typer.Option("--deterministic", help="Same inputs, same bytes; a repair is so in any case.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Move as few ranks as can be onto what is left, check the result and write it.

    Of a fleet's folder, jobs that were not hit stay where they are, and NEW is a folder.

    Ctrl-C or SIGTERM ends the search for cheaper places and writes what there is.
    """
    from planner.repair import Wishes

    limited = max_moves is not None or budget is not None
    if not (down or up or health or dp or limited or with_front):
        raise UsageError.of(
            "U001",
            "nothing to replan for",
            expected="what changes: --down, --up, --health, --dp or --max-moves",
            suggestion="planner topology show, for names to select",
        )
    if is_placed_fleet(placement):
        from planner.cli.replan_fleet import replan_fleet

        about_one_job = {
            "--dp": dp is not None,
            "--keep-batch": keep_batch,
            "--max-moves": max_moves is not None,
            "--budget": budget is not None,
            "--front": with_front,
            "--changed-rows": changed_rows is not None,
        }
        change = partial(_changed, down=down or [], up=up or [], health=health)
        return replan_fleet(
            placement, output, change, about_one_job, health=health, shrink=shrink, as_json=as_json
        )
    wishes = Wishes(dp, shrink, keep_batch, max_moves, None if budget is None else _bytes(budget))
    inputs = (placement, health) if health else (placement,)
    require_writable(output, inputs=inputs)
    if changed_rows is not None:
        require_empty(changed_rows)
    watch = Stopwatch()
    with Interrupt() as interrupt:
        with watch.time("load"):
            before = _load(placement)
        with watch.time("solve"):
            cluster = _changed(before.cluster, down or [], up or [], health)
            repair = interrupt.run_for(
                lambda: _replan(before, cluster, wishes, interrupt), output, "the job was placed anew"
            )
        with watch.time("check"):
            require_sound(repair.placement)
        with watch.time("write"):
            _write(repair.placement, output)
            if changed_rows is not None:
                write_changed_rows(before, repair.placement, changed_rows)
        points = interrupt.run(lambda: _front(before, cluster, wishes, interrupt)) if with_front else None
    _report(repair, watch, output, points, as_json=as_json)
    if interrupt.stop.is_set():
        raise typer.Exit(INTERRUPTED)
    return None


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


def _bytes(text: str) -> float:
    """The budget; a mistake in it is a mistake of the command line."""
    from planner.units import parse_bytes

    try:
        return parse_bytes(text)
    except InputError as error:
        problem = error.problems[0]
        raise UsageError.of(
            "U001", f"--budget: {problem.message}", expected=problem.expected, suggestion=problem.suggestion
        ) from error


def _front(before: Placement, cluster: Cluster, wishes: Wishes, interrupt: Interrupt) -> tuple[Point, ...]:
    from planner.repair.front import front

    return front(before, cluster, wishes, stop=interrupt.stop)


def _report(
    repair: Repair, watch: Stopwatch, output: Path, points: tuple[Point, ...] | None, *, as_json: bool
) -> None:
    if as_json:
        from planner.report.documents import front_document, replan_document, shortfall

        short = shortfall(repair)
        if short is not None:
            write_error(short)
        document = replan_document(repair, watch.seconds) | {"output": str(output)}
        emit(document if points is None else document | {"front": front_document(points)})
        return
    from planner.report.replan import front_view, replan_view

    show(replan_view(repair, watch.seconds), f"written to {output}")
    if points is not None:
        show(front_view(repair, points))
