"""The mistakes in a file, or that there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.placement.wording import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.errors import Problem
    from planner.topology.cluster import Cluster


MOST_LISTED = 1000


def problems_document(problems: Sequence[Problem]) -> dict[str, object]:
    """Problems as plain data: ``ok``, a list of what is wrong where, and how many the list leaves out."""
    return {
        "ok": not problems,
        "problems": [_document(problem) for problem in problems[:MOST_LISTED]],
        "more": max(0, len(problems) - MOST_LISTED),
    }


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
