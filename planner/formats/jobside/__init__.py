"""Programs that run inside the job, where only the exported files and the framework are.

Exporters copy them beside the data that they read. They import nothing of the planner.
"""

from __future__ import annotations

from pathlib import Path


def program(name: str) -> bytes:
    """The text of the program called `name`, such as ``parallel.py``."""
    return Path(__file__).with_name(name).read_bytes()
