"""`planner topology`: look at a topology file, list its mistakes, or compare two."""

from __future__ import annotations

from typing import Annotated

import typer

from planner.cli.options import JsonOption, TopologyArgument, complete_topology
from planner.cli.output import emit, show, write_error
from planner.errors import CheckError, InputError, render_all


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


def diff_topology(
    authored: Annotated[
        str,
        typer.Argument(
            metavar="AUTHORED",
            help="Topology file of the cluster as it should be.",
            autocompletion=complete_topology,
        ),
    ],
    imported: Annotated[
        str,
        typer.Argument(
            metavar="IMPORTED",
            help="Topology file of the cluster as it is, such as one that was imported.",
            autocompletion=complete_topology,
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """List what a cluster lacks of what it should be, or has beside or otherwise.

    Nodes are matched by host name, domains by the nodes in them, switches by name. Exits with 1
    where the two differ.
    """
    from planner.report.topology_diff import topology_diff_document, topology_diff_view
    from planner.topology.difference import compare
    from planner.topology.load import load_topology

    found = compare(load_topology(authored), load_topology(imported))
    emit(topology_diff_document(found)) if as_json else show(topology_diff_view(found))
    if not found.same:
        raise typer.Exit(CheckError.exit_code)
