"""`planner replan` of a fleet's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from planner.cli.destination import require_folder, require_other
from planner.cli.interrupt import Interrupt
from planner.cli.output import emit, show
from planner.cli.signals import INTERRUPTED
from planner.cli.soundness import require_sound_fleet
from planner.cli.stopwatch import Stopwatch
from planner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from planner.topology.cluster import Cluster


def replan_fleet(
    folder: Path,
    output: Path,
    change: Callable[[Cluster], Cluster],
    about_one_job: Mapping[str, bool],
    *,
    health: Path | None,
    shrink: bool,
    as_json: bool,
) -> None:
    """Let the jobs of a fleet go on, check all of them together and write them to the folder `output`.

    Parameters
    ----------
    change
        Makes the cluster in its new state of the old one.
    about_one_job
        Options that a fleet has no use for, and whether they were given.
    """
    from planner.fleet.file import fleet_files, read_fleet
    from planner.fleet.folder import require_replaceable, write_folder
    from planner.fleet.replan import replan_fleet as repaired
    from planner.report.fleet_replan import fleet_replan_document, fleet_replan_view

    _require_plain(about_one_job)
    require_folder(output)
    require_other(output, inputs=(folder,) if health is None else (folder, health))
    require_replaceable(output)
    watch = Stopwatch()
    with Interrupt() as interrupt:
        with watch.time("load"):
            before = read_fleet(folder)
        with watch.time("solve"):
            cluster = change(before.cluster)
            repair = interrupt.run_for(
                lambda: repaired(before, cluster, shrink=shrink, stop=interrupt.stop),
                output,
                "every job was placed anew",
            )
        with watch.time("check"):
            require_sound_fleet(repair.placed)
        with watch.time("write"):
            write_folder(output, fleet_files(repair.placed))
    if as_json:
        emit(fleet_replan_document(repair, watch.seconds) | {"output": str(output)})
    else:
        show(fleet_replan_view(repair, watch.seconds), f"written to {output}/")
    if interrupt.stop.is_set():
        raise typer.Exit(INTERRUPTED)


def _require_plain(about_one_job: Mapping[str, bool]) -> None:
    for option, given in about_one_job.items():
        if given:
            raise UsageError.of(
                "U001", f"{option}: this is about one placement", expected="the file of one job"
            )
