"""Whether a file is about a fleet."""

from __future__ import annotations

from pathlib import Path

from planner.errors import InputError
from planner.library import shipped
from planner.source import read_document


def is_fleet_file(path_or_name: str) -> bool:
    """Whether a path or shipped name stands for a fleet file rather than a workload.

    What is no readable file is none of ours: whoever reads it as a workload says what is wrong.
    """
    path = Path(path_or_name)
    if path.is_file():
        try:
            return "jobs" in read_document(path, "fleet").root.items
        except InputError:
            return False
    name = path_or_name.removesuffix(".yaml")
    return name in shipped("fleet") and name not in shipped("workload")
