"""`planner simulate`: one step of a placement on a time line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.destination import require_writable
from planner.cli.options import JsonOption, PlacementArgument
from planner.cli.output import emit, show, write_error
from planner.cost.flops import FlopCount


def simulate(
    placement: PlacementArgument,
    flops: Annotated[
        FlopCount, typer.Option("--flops", help="How floating-point operations are counted.")
    ] = FlopCount.CAUSAL,
    imbalance: Annotated[
        float, typer.Option(metavar="FACTOR", min=1.0, help="Tokens of the busiest expert rank to the mean.")
    ] = 1.0,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every pass as a trace that Perfetto opens.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Predict a step's time, what it is made of, and each stage's memory."""
    if trace is not None:
        require_writable(trace, inputs=(placement,))
    from planner.cost import simulate as simulated
    from planner.files import write_atomic
    from planner.placement.file import read_placement
    from planner.report.simulate import simulation_document, simulation_view

    stored = read_placement(placement)
    found = simulated.simulate(stored, count=flops, imbalance=imbalance)
    if trace is not None:
        from planner.report.trace_events import trace_events

        write_atomic(trace, trace_events(found))
        write_error(f"trace written to {trace}")
    emit(simulation_document(found)) if as_json else show(simulation_view(stored, found))
