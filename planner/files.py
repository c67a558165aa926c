"""Writing files so that a reader sees the old one or the new one, never half of either."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from planner.errors import InputError


def write_atomic(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace the file at `path` by `data`; on any failure the old file stays as it was.

    The bytes go to a temporary file of the same folder, are flushed to the disk, and take the
    place of the old file in one step. A link is followed, and the permissions of an existing file
    are kept.

    Raises
    ------
    InputError
        Where the file cannot be written (F004) or `path` is a folder (F002).
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise InputError.of("F002", f"{path} is a folder", expected="the path of a file to write")
    temporary: str | None = None
    try:
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise InputError.of(
            "F004",
            f"cannot write {path}: {error.strerror}",
            expected="a folder that exists and may be written, on a disk with room",
        ) from error
    finally:
        # After the renaming there is nothing left of that name.
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
