"""The mistakes in a file, or that there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.placement.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.errors import Problem
    from planner.topology.cluster import Cluster


def problems_document(problems: Iterable[Problem]) -> dict[str, object]:
    """Problems as plain data: ``ok``, and a list of what is wrong where."""
    found = [_document(problem) for problem in problems]
    return {"ok": not found, "problems": found}


def _document(problem: Problem) -> dict[str, object]:
    place = problem.position
    return {
        "code": problem.code,
        "message": problem.message,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "expected": problem.expected,
        "suggestion": problem.suggestion,
    }


def valid_text(cluster: Cluster) -> str:
    """One line for a topology without a mistake."""
    return f"{cluster.name}: valid, {plural(cluster.nodes, 'node')}, {plural(cluster.gpus, 'GPU')}"
