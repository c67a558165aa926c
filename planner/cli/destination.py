"""Whether a file can be written, asked before the work that fills it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.files import UNWRITABLE, special_kind

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_SHOWN = 200


def require_writable(path: Path, *, inputs: Iterable[str | Path] = (), replace: bool = True) -> None:
    """Refuse a path that could not be written, or that is one of the `inputs`.

    Parameters
    ----------
    replace
        Whether a file that is there may be replaced.

    Raises
    ------
    UsageError
        ``U001`` for ``-``, which many programs take for stdout, ``U002`` for a folder, ``U003``
        where the folder of the file is missing, ``U004`` where permission is missing or the path
        is a socket or a disk, or the system cannot look there, ``U005`` where the file is one of
        the inputs, ``E005`` where it is there and must not be replaced.
    """
    try:
        _require_writable(path, inputs)
    except OSError as error:
        raise _unreachable(path, error) from error
    if not replace and path.is_file():
        raise UsageError.of(
            "E005",
            f"{path} is there already",
            expected="the path of a file to make",
            suggestion="--force, to replace it",
        )


def require_folder(path: Path) -> None:
    """Refuse the path of a folder that is neither there nor could be made.

    Raises
    ------
    UsageError
        As `require_writable`; ``E007`` for a file.
    """
    try:
        _require_folder(path)
    except OSError as error:
        raise _unreachable(path, error) from error


def require_other(path: Path, *, inputs: Iterable[str | Path]) -> None:
    """Refuse a path that is one of the `inputs`.

    Raises
    ------
    UsageError
        ``U005``.
    """
    if any(Path(source).exists() and path.exists() and path.samefile(source) for source in inputs):
        raise UsageError.of("U005", f"{path} is one of the inputs", expected="another path to write to")


def _unreachable(path: Path, error: OSError) -> UsageError:
    return UsageError.of(
        "U004",
        f"{str(path)[:LONGEST_SHOWN]} cannot be written: {error.strerror}",
        expected="a path that you may write to",
    )


def _require_folder(path: Path) -> None:
    if str(path) == "-":
        raise UsageError.of("U001", "'-' is no folder", expected="the path of a folder to write")
    if path.exists() and not path.is_dir():
        raise UsageError.of("E007", f"{path} is a file", expected="a folder, or the path of one to make")
    where = path if path.is_dir() else Path(os.path.realpath(path)).parent
    if not where.is_dir():
        raise UsageError.of(
            "U003",
            f"no folder {where}",
            expected="a path in a folder that exists",
            suggestion=f"mkdir -p {where}",
        )
    if not os.access(where, os.W_OK | os.X_OK):
        raise UsageError.of("U004", f"{path} may not be written", expected="a path that you may write to")


def _require_writable(path: Path, inputs: Iterable[str | Path]) -> None:
    if str(path) == "-":
        raise UsageError.of("U001", "'-' is no file to write", expected="the path of a file to write")
    if path.is_dir():
        raise UsageError.of("U002", f"{path} is a folder", expected="the path of a file to write")
    kind = special_kind(path)
    if kind in UNWRITABLE:
        raise UsageError.of("U004", f"{path} is a {kind}", expected="the path of a file to write")
    folder = Path(os.path.realpath(path)).parent
    if kind is None and not folder.is_dir():
        raise UsageError.of(
            "U003",
            f"no folder {folder}",
            expected="a path in a folder that exists",
            suggestion=f"mkdir -p {folder}",
        )
    replaceable = kind is not None or os.access(folder, os.W_OK | os.X_OK)
    if not replaceable or not os.access(path if path.exists() else folder, os.W_OK):
        raise UsageError.of("U004", f"{path} may not be written", expected="a path that you may write to")
    require_other(path, inputs=inputs)
