"""Writing files so that a reader sees the old one or the new one, never half of either."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from planner.errors import InputError

_SPECIAL = {
    "device": stat.S_ISCHR,
    "pipe": stat.S_ISFIFO,
    "disk": stat.S_ISBLK,
    "socket": stat.S_ISSOCK,
}
UNWRITABLE = ("disk", "socket")


def write_atomic(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace the file at `path` by `data`; on any failure the old file stays as it was.

    The bytes go to a temporary file of the same folder, are flushed to the disk, and take the
    place of the old file in one step. A link is followed, and the permissions of an existing file
    are kept. A device or pipe, such as ``/dev/null``, stays what it is and is written to.

    Raises
    ------
    InputError
        Where the file cannot be written (F004), as a socket or a disk cannot, or `path` is a
        folder (F002).
    """
    match special_kind(path):
        case None:
            _replace(path, data)
        case kind if kind in UNWRITABLE:
            raise InputError.of("F004", f"{path} is a {kind}", expected="the path of a file to write")
        case _:
            _write_through(path, data)


def special_kind(path: str | os.PathLike[str]) -> str | None:
    """What is at `path` where that is neither a file nor a folder, and None where it is or nothing is there.

    Links are followed as the system does, which knows more of ``/dev/stdout`` than its name says.
    """
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return None
    return next((name for name, is_kind in _SPECIAL.items() if is_kind(mode)), None)


def _write_through(path: str | os.PathLike[str], data: bytes) -> None:
    """Write to a device or pipe, which cannot be replaced."""
    try:
        with Path(path).open("wb") as file:
            file.write(data)
    except OSError as error:
        raise _unwritable(path, error) from error


def _replace(path: str | os.PathLike[str], data: bytes) -> None:
    temporary: str | None = None
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise InputError.of("F002", f"{path} is a folder", expected="the path of a file to write")
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
        raise _unwritable(path, error) from error
    finally:
        # After the renaming there is nothing left of that name.
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def _unwritable(path: str | os.PathLike[str], error: OSError) -> InputError:
    return InputError.of(
        "F004",
        f"cannot write {path}: {error.strerror}",
        expected="a folder that exists and may be written, on a disk with room",
    )


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
