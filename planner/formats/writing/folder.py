"""Writing an export: all of it into the folder that was named, or nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from planner.errors import InputError, Problem, UsageError
from planner.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from planner.formats.exporters import Export


def write_folder(export: Export, folder: Path, *, force: bool = False) -> None:
    """Write the files of `export` into `folder`, which is made where it is not there.

    Everything is looked at before anything is written, and written aside before it is put in
    place, so that a full disk leaves what was there.

    Parameters
    ----------
    force
        Replace files that are there.

    Raises
    ------
    UsageError
        ``E005`` for files that are there already, ``E006`` for a path that leads out of the
        folder, ``E007`` where something stands in the way.
    InputError
        Where the folder cannot be written.
    """
    problems = [*_outside(export.files)] or [*_in_the_way(export.files, folder)]
    if not problems and not force:
        problems = [*_there(export.files, folder)]
    if problems:
        raise UsageError(*problems)
    try:
        _write(export, folder)
    except OSError as error:
        raise InputError.of(
            "F004",
            f"cannot write {folder}: {error.strerror}",
            expected="a folder that may be written, on a disk with room",
        ) from error


def _outside(paths: Iterable[str]) -> Iterator[Problem]:
    """Paths that are not those of files inside the folder."""
    for path in paths:
        parts = PurePosixPath(path).parts
        plain = parts and "\0" not in path and str(PurePosixPath(path)) == path
        if not plain or path.startswith("/") or ".." in parts:
            yield Problem("E006", f"{path!r} would be written outside the folder", None, "a path inside it")


def _in_the_way(paths: Iterable[str], folder: Path) -> Iterator[Problem]:
    """What can be neither kept nor replaced: links, which may lead out of the folder, and folders."""
    if folder.exists() and not folder.is_dir():
        yield Problem("E007", f"{folder} is a file", None, "a folder, or the path of one to make")
        return
    for path in paths:
        for part in [*reversed(PurePosixPath(path).parents), PurePosixPath(path)][1:]:
            at = folder / part
            if at.is_symlink():
                yield Problem("E007", f"{at} is a link", None, "a folder without links where files go")
                break
            if at.exists() and at.is_dir() == (str(part) == path):
                kind = "folder" if at.is_dir() else "file"
                yield Problem("E007", f"{at} is a {kind}", None, "another folder to write to")
                break


def _there(paths: Iterable[str], folder: Path) -> Iterator[Problem]:
    for path in paths:
        if (folder / path).exists():
            yield Problem(
                "E005",
                f"{folder / path} is there already",
                None,
                "an empty folder, or the path of one to make",
                "--force, to replace the files that are there",
            )


def _write(export: Export, folder: Path) -> None:
    """Write everything aside, then put it in place: the whole folder where it is new, else file by file."""
    is_new = not folder.exists()
    aside = Path(tempfile.mkdtemp(dir=folder.parent if is_new else folder, prefix=".export."))
    try:
        for path, content in export.files.items():
            (aside / path).parent.mkdir(parents=True, exist_ok=True)
            write_atomic(aside / path, content)
            if path in export.executable:
                _make_executable(aside / path)
        if is_new:
            aside.chmod(0o777 & ~_umask())
            aside.rename(folder)
            return
        for path in export.files:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (aside / path).replace(folder / path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _make_executable(path: Path) -> None:
    """Whoever may read the file may run it."""
    mode = path.stat().st_mode
    path.chmod(mode | (mode & 0o444) >> 2)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
