"""`planner plan` of a fleet file: solve, check, write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from planner.cli.destination import require_folder, require_other
from planner.cli.interrupt import Interrupt
from planner.cli.output import emit, show
from planner.cli.progress import shown_progress
from planner.cli.signals import INTERRUPTED
from planner.cli.soundness import require_sound_fleet
from planner.cli.stopwatch import Stopwatch
from planner.errors import UsageError
from planner.placement.placement import Objective

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.fleet.fleet import Fleet
    from planner.fleet.placed import PlacedFleet
    from planner.solve.setup.result import Progress
    from planner.topology.cluster import Cluster


def plan_fleet(
    topology: str,
    fleet: str,
    output: Path,
    *,
    objective: Objective,
    trace: Path | None,
    options: dict[str, Any],
    as_json: bool,
) -> None:
    """Place every job of a fleet, check all of them together and write them to the folder `output`."""
    from planner.fleet.folder import require_replaceable

    _require_plain(objective, trace)
    require_folder(output)
    require_other(output, inputs=(topology, fleet))
    require_replaceable(output)
    watch = Stopwatch()
    with Interrupt() as interrupt:
        with watch.time("load"):
            cluster, jobs = _load(topology, fleet)
        with watch.time("solve"):
            placed = _solve(cluster, jobs, interrupt, options, output)
        with watch.time("check"):
            require_sound_fleet(placed)
        with watch.time("write"):
            _write(placed, output)
    _report(placed, watch, output, as_json=as_json)
    if interrupt.stop.is_set():
        raise typer.Exit(INTERRUPTED)


def _require_plain(objective: Objective, trace: Path | None) -> None:
    """Refuse options that a fleet has no use for."""
    if objective is not Objective.WEIGHTED:
        raise UsageError.of(
            "U001", f"--objective: a fleet is not planned by {objective}", expected="weighted"
        )
    if trace is not None:
        raise UsageError.of("U001", "--trace: a fleet has no single trace", expected="no --trace")


def _load(topology: str, fleet: str) -> tuple[Cluster, Fleet]:
    from planner.fleet.load import load_fleet
    from planner.topology.load import load_topology

    cluster = load_topology(topology)
    return cluster, load_fleet(fleet, cluster)


def _solve(
    cluster: Cluster, fleet: Fleet, interrupt: Interrupt, options: dict[str, Any], output: Path
) -> PlacedFleet:
    """The best placements found until the end, the time limit or a signal."""
    from planner.fleet.plan import plan_fleet as plan

    with shown_progress(Objective.WEIGHTED) as progress:

        def work() -> PlacedFleet:
            return plan(cluster, fleet, stop=interrupt.stop, progress=_named(progress), **options)

        return interrupt.run_for(work, output, "every job was placed")


def _named(progress: Callable[[Progress], None]) -> Callable[[str, Progress], None]:
    """Progress that says whose it is."""
    return lambda name, each: progress(replace(each, phase=f"{name}: {each.phase}"))


def _write(placed: PlacedFleet, output: Path) -> None:
    from planner.fleet.file import fleet_files
    from planner.fleet.folder import write_folder

    write_folder(output, fleet_files(placed))


def _report(placed: PlacedFleet, watch: Stopwatch, output: Path, *, as_json: bool) -> None:
    from planner.report.fleet import fleet_document, fleet_view

    if as_json:
        emit(fleet_document(placed, watch.seconds) | {"output": str(output)})
    else:
        show(fleet_view(placed, watch.seconds), f"written to {output}/")
