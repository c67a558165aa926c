"""From an authored topology to the immutable cluster."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from planner.source import Findings, examine, read_document
from planner.topology.build import build
from planner.topology.checks import (
    check_fabric,
    check_fabric_size,
    check_hosts,
    check_links,
    check_row_uplinks,
    check_tiers,
    read_gpus,
)
from planner.topology.rows import build_grid, read_rows
from planner.topology.schema import Topology

if TYPE_CHECKING:
    import os

    from planner.source import Document
    from planner.topology.cluster import Cluster
    from planner.topology.rows import Grid, RowNames

# What lets the rest of a file be examined although one of these is missing or mistaken.
STAND_INS = {
    ("format_version",): 1,
    ("name",): "unnamed",
    ("domains", "gpus"): 8,
    ("down",): "*",
    ("spare",): "*",
    ("degraded", "uplink"): "1 B/s",
}


def load_topology(path_or_name: str | os.PathLike[str]) -> Cluster:
    """The cluster that a topology file describes.

    Parameters
    ----------
    path_or_name
        A path, or the name of a topology that ships with the planner.

    Raises
    ------
    InputError
        With every mistake in the file, each at its place.
    """
    return to_cluster(read_document(path_or_name, "topology"))


def to_cluster(document: Document) -> Cluster:
    """The cluster that a document describes; raises as `load_topology`."""
    findings = Findings(document)
    spec = examine(findings, Topology, STAND_INS)
    cluster = None if spec is None else _assemble(findings, spec)
    findings.settle()
    assert cluster is not None
    return cluster


def _assemble(findings: Findings, spec: Topology) -> Cluster | None:
    """The cluster; None, with the reasons noted, where its nodes cannot be told."""
    check_tiers(findings, spec.tiers)
    check_row_uplinks(findings, spec)
    check_hosts(findings, spec)
    check_fabric(findings, spec)
    gpus = read_gpus(findings, spec)
    named = not any(problem.code == "T011" for problem in findings.problems)
    rows = read_rows(findings, spec) if named else None
    if rows is None:
        return None
    grid = build_grid([tier.name for tier in spec.tiers], rows)
    if len(grid.repeated):
        _note_repeated(findings, spec, grid, rows)
        grid = replace(grid, row_of_node=np.delete(grid.row_of_node, grid.repeated))
    if grid.complete and not len(grid.repeated):
        check_fabric_size(findings, spec, len(grid.row_of_node))
    check_links(findings, spec, grid.tiers)
    return build(findings, spec, grid, rows, gpus)


def _note_repeated(findings: Findings, spec: Topology, grid: Grid, rows: list[RowNames]) -> None:
    """Note for each row the nodes that it repeats."""
    tiers = [tier.name for tier in spec.tiers]
    for index in sorted({int(grid.row_of_node[node]) for node in grid.repeated}):
        start = int((grid.row_of_node < index).sum())
        paths = ["/".join(path) for path in product(*rows[index])]
        again = [paths[node - start] for node in grid.repeated if grid.row_of_node[node] == index]
        findings.add(
            "T005",
            f"{again[0]} is named before" + (f", and {len(again) - 1} more" if len(again) > 1 else ""),
            ["domains", index],
            expected=f"each {tiers[0]} in one row, once",
        )
