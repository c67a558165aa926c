"""`planner replan --changed-rows`: what programs in C have to change in the map that they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.cli.destination import require_folder
from planner.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from planner.placement.placement import Placement

FORMAT = "c"


def require_empty(folder: Path) -> None:
    """Refuse a folder in which there is something, before anything is worked out.

    Raises
    ------
    UsageError
        ``E005``, and as `require_folder`.
    """
    require_folder(folder)
    if folder.is_dir() and next(folder.iterdir(), None) is not None:
        raise UsageError.of(
            "E005",
            f"--changed-rows: there are files in {folder} already",
            expected="an empty folder, or one that is not there",
        )


def write_changed_rows(before: Placement, after: Placement, folder: Path) -> None:
    """Write the rows of the map for C that changed, or the whole map where the job has other ranks now."""
    from planner.formats.exporting import bundle, changes
    from planner.formats.writing.folder import write_folder

    same = before.workload.mesh == after.workload.mesh
    write_folder(changes(after, before, FORMAT) if same else bundle(after, FORMAT), folder)
