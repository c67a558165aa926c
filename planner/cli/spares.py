"""`planner spares`: how many spares to hold, and where."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Annotated, cast

import typer

from planner.cli.options import JsonOption, TopologyArgument, WorkloadArgument
from planner.cli.output import Unfailing, emit, show
from planner.errors import InputError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


LEAST_S = 1e-3
EXPECTED = "a time with its unit, such as 30d, 12h or 10s"


def spares(
    topology: TopologyArgument,
    workload: WorkloadArgument,
    mtbf: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND=TIME",
            help="Mean time between failures of one gpu, nic, node, rack or software such as"
            " gpu=79000h; repeatable.",
            show_default="Llama 3's",
        ),
    ] = None,
    repair: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND=TIME",
            help="Mean time until what a failure took is back, such as node=12h; repeatable.",
            show_default="gpu=24h nic=24h node=12h rack=6h",
        ),
    ] = None,
    period: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long the job is to go on without shrinking.")
    ] = "30d",
    probability: Annotated[
        float, typer.Option(metavar="P", min=0.0, max=1.0, help="How surely, from 0 to 1.")
    ] = 0.99,
    checkpoint: Annotated[
        str, typer.Option(metavar="TIME", help="How long training stands still for a checkpoint.")
    ] = "10s",
    restart: Annotated[
        str, typer.Option(metavar="TIME", help="From a failure until training runs again.")
    ] = "3min",
    windows: Annotated[int, typer.Option(metavar="N", min=1, max=100_000, help="Periods to simulate.")] = 400,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the simulation.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Weigh ways to hold spares against failures, by simulation.

    In each rack, in each unit, whole racks anywhere: what each costs in goodput, and how surely the
    job goes on as it is.
    """
    from planner.repair.failures import LLAMA3, Failures
    from planner.repair.spares import Aim, advise
    from planner.report.spares import spares_document, spares_view
    from planner.strategy.balance import balance
    from planner.topology.load import load_topology
    from planner.workload.load import load_workload

    failures = Failures()
    failures = Failures(
        {**failures.mtbf_s, **_times("--mtbf", mtbf, LLAMA3)},
        {**failures.repair_s, **_times("--repair", repair, LLAMA3)},
    )
    aim = Aim(
        _time("--for", period),
        probability,
        _time("--checkpoint", checkpoint, least=0.0),
        _time("--restart", restart, least=0.0),
        windows,
        seed,
    )
    cluster = load_topology(topology)
    job = balance(cluster, load_workload(workload))
    with _shown_progress() as progress:
        advice = advise(cluster, job, failures, aim, progress)
    emit(spares_document(cluster, advice, aim)) if as_json else show(spares_view(cluster, job, advice, aim))


def _times(option: str, given: list[str] | None, kinds: Mapping[str, object]) -> dict[str, float]:
    """Times by kind; raises UsageError for what is neither."""
    found: dict[str, float] = {}
    for each in given or []:
        kind, equals, text = each.partition("=")
        if not equals:
            raise UsageError.of("U001", f"{option} {each}: no time", expected=f"{option} KIND=TIME")
        if kind not in kinds:
            raise UsageError.of(
                "U001",
                f"{option}: unknown {kind!r}",
                expected=f"one of {', '.join(kinds)}",
                suggestion=did_you_mean(kind, kinds),
            )
        found[kind] = _time(f"{option} {kind}", text)
    return found


def _time(option: str, text: str, least: float = LEAST_S) -> float:
    """A time that an option gives."""
    from planner.units import parse_seconds

    try:
        seconds = parse_seconds(text)
    except InputError as error:
        raise UsageError.of(
            "U001", f"{option}: {error.problems[0].message}", expected="such as 30d or 10s"
        ) from None
    if seconds < least:
        raise UsageError.of("U001", f"{option}: {text} is too short", expected="such as 30d or 10s")
    return seconds


@contextmanager
def _shown_progress() -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=cast("IO[str]", Unfailing(sys.stderr)), highlight=False)
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("simulating", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
