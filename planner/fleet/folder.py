"""Putting a folder of files in place: all of them, or nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import InputError, UsageError
from planner.files import write_atomic
from planner.fleet.file_schema import NAME_IN_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping


def require_replaceable(folder: Path) -> None:
    """Refuse a folder that holds anything but a placed fleet, since writing one replaces all of it.

    Raises
    ------
    UsageError
        ``E005``.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / NAME_IN_FOLDER).is_file():
        raise UsageError.of(
            "E005",
            f"{folder} holds files that are no placed fleet",
            expected="an empty folder, one with a placed fleet to replace, or the path of one to make",
        )


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make `folder` hold these files and no others.

    They are written aside and take the place of the old folder in one renaming; on any failure the old
    one stays as it was. Beside what a placed fleet had, nothing is taken away: see `require_replaceable`.

    Raises
    ------
    InputError
        Where the folder cannot be written (F004).
    """
    target = Path(os.path.realpath(folder))
    aside: Path | None = None
    try:
        aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name[:100]}."))
        new = aside / "new"
        new.mkdir()
        for name, content in files.items():
            write_atomic(new / name, content)
        _swap(target, new, aside / "old")
    except OSError as error:
        raise InputError.of(
            "F004",
            f"cannot write {folder}: {error.strerror}",
            expected="a folder that may be written, on a disk with room",
        ) from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)


def _swap(target: Path, new: Path, old: Path) -> None:
    """Put `new` in the place of `target`, which goes to `old`; `target` comes back where that fails."""
    if not target.exists():
        new.rename(target)
        return
    new.chmod(target.stat().st_mode & 0o777)
    target.rename(old)
    try:
        new.rename(target)
    except OSError:
        old.rename(target)
        raise
