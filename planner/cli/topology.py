"""`planner topology`: look at a topology file, or list its mistakes."""

from __future__ import annotations

import typer

from planner.cli.options import JsonOption, TopologyArgument
from planner.cli.output import emit, show, write_error
from planner.errors import InputError, render_all


def show_topology(topology: TopologyArgument, as_json: JsonOption = False) -> None:
    """Draw tiers, counts, bandwidth, oversubscription and health as a tree."""
    from planner.report.topology import topology_document, topology_view
    from planner.topology.load import load_topology

    cluster = load_topology(topology)
    emit(topology_document(cluster)) if as_json else show(topology_view(cluster))


def validate_topology(topology: TopologyArgument, as_json: JsonOption = False) -> None:
    """List every mistake in a topology file, each with its place and what to do."""
    from planner.report.problems import problems_document, valid_text
    from planner.topology.load import load_topology

    try:
        cluster = load_topology(topology)
    except InputError as error:
        if as_json:
            emit(problems_document(error.problems))
        else:
            write_error(render_all(error.problems))
        raise typer.Exit(error.exit_code) from error
    emit(problems_document(())) if as_json else show(valid_text(cluster))
