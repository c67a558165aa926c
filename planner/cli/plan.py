"""`planner plan`: solve, check, write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.destination import require_writable
from planner.cli.interrupt import Interrupt
from planner.cli.options import JsonOption, TopologyArgument, WorkloadArgument
from planner.cli.output import emit, show
from planner.cli.plan_fleet import plan_fleet
from planner.cli.progress import shown_progress
from planner.cli.signals import INTERRUPTED
from planner.cli.soundness import require_sound
from planner.cli.stopwatch import Stopwatch
from planner.errors import InputError, UsageError
from planner.placement.placement import Objective

if TYPE_CHECKING:
    from planner.placement.placement import Placement
    from planner.solve.setup.result import Result
    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload


def plan(
    topology: TopologyArgument,
    workload: WorkloadArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="PLACEMENT", help="Placement file to write.")
    ],
    objective: Annotated[Objective, typer.Option(help="What to minimise.")] = Objective.WEIGHTED,
    time_limit: Annotated[
        str | None, typer.Option(metavar="TIME", help="When to stop improving, such as 10s or 5min.")
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, max=2**31 - 1, help="Seed of whatever is random.")
    ] = 0,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=1024, help="Threads of the solver.", show_default="all cores"),
    ] = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Same inputs and seed, same bytes; costs some quality.")
    ] = False,
    trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write incumbent and bound over time, as .json or .svg."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Place a workload on a cluster, check the result and write it.

    Of a fleet file every job is placed in a part of its own, and PLACEMENT is a folder with one file
    for each of them.

    Ctrl-C or SIGTERM stops the search and writes the best placement so far, if there is one.
    """
    options = {
        "time_limit_s": _seconds(time_limit),
        "seed": seed,
        "workers": workers,
        "deterministic": deterministic,
    }
    if _is_fleet(workload):
        return plan_fleet(
            topology,
            workload,
            output,
            objective=objective,
            trace=trace,
            options=options,
            as_json=as_json,
        )
    require_writable(output, inputs=(topology, workload))
    if trace is not None:
        _require_trace(trace, inputs=(topology, workload), output=output)
    watch = Stopwatch()
    with Interrupt() as interrupt:
        with watch.time("load"):
            cluster, job = _load(topology, workload)
        with watch.time("solve"):
            result = _solve(cluster, job, interrupt, objective, options, output)
            placement = result.placement
        with watch.time("check"):
            require_sound(placement)
        with watch.time("write"):
            _write(placement, output)
            if trace is not None:
                _write_trace(result, trace)
    _report(placement, watch, output, as_json=as_json)
    if interrupt.stop.is_set():
        raise typer.Exit(INTERRUPTED)
    return None


def _is_fleet(workload: str) -> bool:
    from planner.fleet.recognise import is_fleet_file

    return is_fleet_file(workload)


def _seconds(text: str | None) -> float | None:
    """The time limit in seconds; a mistake in it is a mistake of the command line."""
    from planner.units import parse_seconds

    if text is None:
        return None
    try:
        seconds = parse_seconds(text)
    except InputError as error:
        problem = error.problems[0]
        raise _bad_limit(problem.message, problem.expected, problem.suggestion) from error
    if seconds == 0:
        raise _bad_limit("no time to plan in", "a time above 0, such as 10s")
    return seconds


def _require_trace(path: Path, *, inputs: tuple[str, str], output: Path) -> None:
    """Refuse a trace of no known format, that could not be written, or where the placement goes."""
    from planner.report.trace import FORMATS

    if path.suffix not in FORMATS:
        raise UsageError.of(
            "U001", f"--trace: {path} is of no known format", expected=f"a name in {' or '.join(FORMATS)}"
        )
    require_writable(path, inputs=inputs)
    if path.resolve() == output.resolve():
        raise UsageError.of("U001", f"--trace: {path} is where the placement goes", expected="another path")


def _bad_limit(message: str, expected: str | None, suggestion: str | None = None) -> UsageError:
    return UsageError.of("U001", f"--time-limit: {message}", expected=expected, suggestion=suggestion)


def _load(topology: str, workload: str) -> tuple[Cluster, Workload]:
    from planner.strategy.balance import balance
    from planner.topology.load import load_topology
    from planner.workload.load import load_workload

    cluster = load_topology(topology)
    return cluster, balance(cluster, load_workload(workload))


def _solve(
    cluster: Cluster,
    workload: Workload,
    interrupt: Interrupt,
    objective: Objective,
    options: dict[str, Any],
    output: Path,
) -> Result:
    """The best placement found until the end, the time limit or a signal."""
    from planner.solve import solve

    with shown_progress(objective) as progress:

        def work() -> Result:
            return solve(
                cluster, workload, objective=objective, stop=interrupt.stop, progress=progress, **options
            )

        return interrupt.run_for(work, output, "a placement was found")


def _write(placement: Placement, output: Path) -> None:
    from planner.placement.file import write_placement

    write_placement(placement, output)


def _write_trace(result: Result, path: Path) -> None:
    from planner.files import write_atomic
    from planner.report.trace import trace_file

    write_atomic(path, trace_file(result, path.suffix))


def _report(placement: Placement, watch: Stopwatch, output: Path, *, as_json: bool) -> None:
    if as_json:
        from planner.report.documents import plan_document

        emit(plan_document(placement, watch.seconds) | {"output": str(output)})
    else:
        from planner.report.plan import plan_view

        show(plan_view(placement, watch.seconds), f"written to {output}")
