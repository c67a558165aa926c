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


def require_writable(path: Path, *, inputs: Iterable[str | Path] = ()) -> None:
    """Refuse a path that could not be written, or that is one of the `inputs`.

    Raises
    ------
    UsageError
        ``U001`` for ``-``, which many programs take for stdout, ``U002`` for a folder, ``U003``
        where the folder of the file is missing, ``U004`` where permission is missing or the path
        is a socket or a disk, or the system cannot look there, ``U005`` where the file is one of
        the inputs.
    """
    try:
        _require_writable(path, inputs)
    except OSError as error:
        raise UsageError.of(
            "U004",
            f"{str(path)[:LONGEST_SHOWN]} cannot be written: {error.strerror}",
            expected="a path that you may write to",
        ) from error


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
    if any(Path(source).exists() and path.exists() and path.samefile(source) for source in inputs):
        raise UsageError.of("U005", f"{path} is one of the inputs", expected="another path to write to")
