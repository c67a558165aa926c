"""What ships with the planner, by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from planner.errors import InputError, did_you_mean
from planner.files import special_kind

Kind = Literal["topology", "workload", "model", "gpu", "rules", "fleet"]

LONGEST_SHOWN = 200
PACKAGE = Path(__file__).resolve().parent
FOLDERS: dict[Kind, str] = {
    "topology": "topologies",
    "workload": "workload/presets",
    "model": "workload/models",
    "gpu": "topology/gpus",
    "rules": "testing/presets",
    "fleet": "fleet/presets",
}


def folder(kind: Kind) -> Path:
    """The folder that holds the shipped files of `kind`.

    A wheel carries the topologies as data of the package; in a checkout they lie at the top.
    """
    if kind != "topology":
        return PACKAGE / FOLDERS[kind]
    installed = PACKAGE / "data" / FOLDERS[kind]
    return installed if installed.is_dir() else PACKAGE.parent / FOLDERS[kind]


def shipped(kind: Kind) -> list[str]:
    """Names of the shipped files of `kind`, sorted."""
    return sorted(path.stem for path in folder(kind).glob("*.yaml"))


def find(kind: Kind, name_or_path: str | os.PathLike[str], beside: Path | None = None) -> Path:
    """The file that `name_or_path` stands for.

    An existing path wins over a shipped name, and a name may be given with or without ``.yaml``.

    Parameters
    ----------
    beside
        Folder of the file that names this one, from which a relative path starts. Neither a device
        nor a pipe can be named so. By default the working folder, and anything goes.

    Raises
    ------
    InputError
        Where there is neither (F001), with the shipped name that comes nearest; where the system
        cannot look, or finds a device where a file must be (F004).
    """
    asked = os.fspath(name_or_path)
    path = Path(beside or "") / asked
    try:
        found = _found(kind, asked, path)
    except OSError as error:
        raise unreadable(asked, error) from error
    special = special_kind(found)
    if special and beside is not None:
        # To read one could wait for ever, and would give something else the next time.
        raise InputError.of("F004", f"{asked} is a {special}", expected="an ordinary file")
    return found


def unreadable(asked: str | os.PathLike[str], error: OSError | ValueError) -> InputError:
    """The error (F004) that a file cannot be read or looked for."""
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return InputError.of(
        "F004", f"cannot read {str(asked)[:LONGEST_SHOWN]}: {reason}", expected="a file that may be read"
    )


def _found(kind: Kind, asked: str, path: Path) -> Path:
    if "\0" not in asked:
        if path.is_file() or (_is_path(asked) and path.exists()):
            return path
        name = asked.removesuffix(".yaml")
        if name in shipped(kind):
            return folder(kind) / f"{name}.yaml"
        if path.exists():
            return path
    raise _missing(kind, asked)


def _missing(kind: Kind, asked: str) -> InputError:
    """The error that there is no such file; a shipped name of another kind is said to be that."""
    name = Path(asked).name.removesuffix(".yaml")
    others = [other for other in FOLDERS if other != kind and name in shipped(other)]
    return InputError.of(
        "F001",
        f"no file {asked!r}, and no {kind} of that name ships with the planner",
        expected=f"a path, or one of {', '.join(shipped(kind))}",
        suggestion=f"a {kind}; {name} is a {others[0]}" if others else did_you_mean(name, shipped(kind)),
    )


def _is_path(asked: str) -> bool:
    return os.sep in asked or asked.endswith((".yaml", ".yml"))
