"""From bytes to the document of a placement file, and what to say where that fails."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

from pydantic import BaseModel, ValidationError

import planner
from planner.errors import InputError, Position, Problem
from planner.library import unreadable
from planner.placement.column import ITEM
from planner.placement.schema import PlacementFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)

LARGEST_BYTES = 512 * 1024 * 1024
MOST_PROBLEMS = 10
A_PLACEMENT, A_FLEET = "a placement file", "planner-fleet-placement"
PLACEMENT_SUFFIX, MOST_NAMED = ".placement.json", 3

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


def read_bytes(path: Path) -> bytes:
    """The bytes of a placement file; every way in which there can be none has its own code."""
    try:
        if path.is_dir():
            raise InputError.of(
                "F002", f"{path} is a folder", expected="a placement file", suggestion=_placements_in(path)
            )
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise InputError.of(
            "F001", f"no such file: {path}", expected="a placement file, as planner plan -o writes it"
        ) from None
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if len(raw) > LARGEST_BYTES:
        raise InputError.of(
            "F003", f"{path} is larger than {LARGEST_BYTES:,} bytes", expected="a placement file"
        )
    if not raw.strip():
        raise InputError.of("F005", f"{path} is empty", expected="a placement file")
    return raw


def _placements_in(folder: Path) -> str | None:
    """The placement files in a folder, such as that of a fleet, to try instead; None where there are none."""
    files = sorted(folder.glob(f"*{PLACEMENT_SUFFIX}"))
    if not files:
        return None
    more = f", or one of {len(files) - MOST_NAMED} more" if len(files) > MOST_NAMED else ""
    return f"one of its jobs: {', '.join(map(str, files[:MOST_NAMED]))}{more}"


def parse(raw: bytes, name: str) -> PlacementFile:
    """The placement file that the bytes hold; raises as `parse_as`."""
    return parse_as(PlacementFile, raw, name, A_PLACEMENT)


def parse_as(model: type[Model], raw: bytes, name: str, what: str) -> Model:
    """The document that the bytes hold.

    Parameters
    ----------
    model
        What it should be; its fields ``format`` and ``format_version`` say which format that is.
    what
        What such a file is called in messages.

    Raises
    ------
    InputError
        Where they hold none: P001 to P004, with the place in the file called `name`.
    """
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        details = error.errors(include_url=False)
    if details[0]["type"] == "json_invalid":
        raise InputError(_no_json(raw, name, details[0]["msg"], what))
    places = {detail["loc"]: detail for detail in details}
    stated = places.get(("format",))
    is_fleet = what == A_PLACEMENT and stated is not None and stated["input"] == A_FLEET
    if ("format",) in places or details[0]["loc"] == ():
        raise InputError.of(
            "P001",
            f"not {what}",
            expected=f'a JSON mapping with "format": "{_only(model, "format")}", as planner plan writes it',
            suggestion=_placements_in(Path(name).parent) if is_fleet else None,
            position=_position(raw, name, ("format",)),
        )
    if ("format_version",) in places:
        known = _only(model, "format_version")
        version = json.dumps(places["format_version",]["input"], default=str)[:40]
        raise InputError.of(
            "P002",
            f"version {version} of the format",
            expected=f"version {known}, all that planner {planner.__version__} reads",
            suggestion="plan again, or use the planner that wrote the file",
            position=_position(raw, name, ("format_version",)),
        )
    mistakes = {_keys(detail): detail for detail in reversed(details)}
    problems = [_mistake(raw, name, keys, detail["msg"]) for keys, detail in reversed(mistakes.items())]
    raise InputError(problems[0], *problems[1:MOST_PROBLEMS])


def _only(model: type[BaseModel], field: str) -> object:
    """The one value that a field of `model` may have."""
    return get_args(model.model_fields[field].annotation)[0]


def _no_json(raw: bytes, name: str, reason: str, what: str) -> Problem:
    """What is wrong with a file that is no JSON at all, and where."""
    try:
        json.loads(raw)
        position = Position(name, 1, 1)
    except json.JSONDecodeError as error:
        line = error.doc.split("\n")[error.lineno - 1]
        position = Position(name, error.lineno, error.colno, 1, line)
    except (UnicodeDecodeError, RecursionError, ValueError):
        position = Position(name, 1, 1)
    is_begun = raw.lstrip().startswith(b"{")
    return Problem(
        "P003",
        f"not JSON: {reason.removeprefix('Invalid JSON: ')}",
        position,
        f"the whole of {what}",
        "a fresh copy: the file may have been cut short" if is_begun else "what planner plan has written",
    )


def _keys(detail: ErrorDetails) -> tuple[str | int, ...]:
    """A place without what pydantic adds for the alternatives of a value, such as ``list[str]``."""
    item = detail.get("ctx", {}).get(ITEM)
    loc = detail["loc"] if item is None else (*detail["loc"], item)
    return tuple(part for part in loc if isinstance(part, int) or part.isidentifier())


def _mistake(raw: bytes, name: str, keys: Sequence[str | int], reason: str) -> Problem:
    place = ".".join(str(part) for part in keys)
    return Problem("P004", f"{place}: {reason.removeprefix('Value error, ')}", _position(raw, name, keys))


def _position(raw: bytes, name: str, loc: Sequence[str | int]) -> Position:
    """Where the innermost key or item of `loc` stands, or as much of the way there as can be found."""
    text = raw.decode("utf-8", "replace")
    found, value = 0, _skip(text, 0)
    for part in loc:
        try:
            found, value = _enter(text, value, part)
        except (LookupError, ValueError, RecursionError):
            # A part that names an alternative of the schema, or a value that only pydantic reads.
            continue
    start = text.rfind("\n", 0, found) + 1
    line = text[start : start + 200].split("\n", 1)[0]
    return Position(name, text.count("\n", 0, found) + 1, found - start + 1, 1, line)


def _enter(text: str, at: int, part: str | int) -> tuple[int, int]:
    """Where the member `part` of the value at `at` starts, and where its own value does."""
    if text[at] not in ("{" if isinstance(part, str) else "["):
        raise LookupError(part)
    index = 0
    while text[at] in "{[,":
        start = value = _skip(text, at + 1)
        key: object = index
        if isinstance(part, str):
            key, end = _DECODER.raw_decode(text, start)
            value = _skip(text, _skip(text, end) + 1)
        if key == part:
            return start, value
        at, index = _skip(text, _DECODER.raw_decode(text, value)[1]), index + 1
    raise LookupError(part)


def _skip(text: str, at: int) -> int:
    """The first place from `at` on that is no space."""
    space = _SPACE.match(text, at)
    return space.end() if space else at


def contradiction(name: str, message: str) -> InputError:
    """The error of a file whose parts do not fit together (P005)."""
    return InputError.of(
        "P005",
        message,
        position=Position(name, 1, 1),
        suggestion="a fresh copy of the file, or plan again: its parts do not fit together",
    )
