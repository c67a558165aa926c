"""What a search has learned, kept in a file, so that a search that was cut off can go on."""

from __future__ import annotations

import hashlib
import json
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from planner import __version__
from planner.cost.figures import FILE as FIGURES
from planner.errors import InputError
from planner.files import write_atomic
from planner.strategy.measure import Measured

if TYPE_CHECKING:
    from pathlib import Path

    from planner.strategy.outline import Outline
    from planner.strategy.space import Question

SECONDS_BETWEEN_WRITES = 5.0
MOST_BYTES = 2**28
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Record:
    """What was measured so far, by the place of each candidate in the space."""

    def __init__(self) -> None:
        self.measured: dict[int, Measured] = {}

    def add(self, new: dict[int, Measured]) -> None:
        """Learn more."""
        self.measured.update(new)


class RecordFile(Record):
    """The same, kept in a file: read at first where it is there, written now and then and by `write`.

    Raises
    ------
    InputError
        Q001 where the file is none of a search, Q002 where it is one of another search, Q003 where its
        content is not what was written.
    """

    def __init__(self, path: Path, asked: dict[str, str]) -> None:
        super().__init__()
        self.path, self.asked = path, asked
        self._written_s = float("-inf")
        if path.exists():
            self.measured = _read(path, asked)

    def add(self, new: dict[int, Measured]) -> None:
        """Learn more, and write all of it at first, and then whenever the last time is a while ago."""
        super().add(new)
        if monotonic() - self._written_s > SECONDS_BETWEEN_WRITES:
            self.write()

    def write(self) -> None:
        """Replace the file."""
        rows = [[place, *each] for place, each in sorted(self.measured.items())]
        content = {"format": "planner-search", "format_version": 1, "asked": self.asked}
        file = {**content, "digest": _digest(json.dumps([self.asked, rows])), "measured": rows}
        write_atomic(self.path, json.dumps(file).encode())
        self._written_s = monotonic()


def asked_of(question: Question, outline: Outline, topology: str) -> dict[str, str]:
    """What a search is about, part by part: of another one nothing that was measured can be used."""
    pinned = ", ".join(f"{name}={value}" for name, value in sorted(question.pinned))
    return {
        "version": f"{__version__}, figures {_digest(FIGURES.read_text())}",
        "topology": f"{topology} ({_digest(repr(outline))})",
        "model": f"{question.model.name} ({_digest(repr(question.model))})",
        "batch": f"{question.global_batch} x {question.sequence} tokens",
        "precision": f"{question.precision}, {question.gradient_bytes}, {question.dispatch_bytes}",
        "set": pinned or "nothing",
        "gpus": f"{question.gpus} in domains of {question.domain}, parts of {list(question.faster)}",
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _File(BaseModel):
    """The file's form."""

    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["planner-search"]
    format_version: Literal[1]
    asked: dict[str, str]
    digest: str
    measured: list[tuple[Annotated[int, Field(ge=0)], Positive, Positive]]


def _read(path: Path, asked: dict[str, str]) -> dict[int, Measured]:
    """What the file says was measured."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _no_file_of_ours(path, "it is too large")
        file = _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError.of("F004", f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][:2])
        raise _no_file_of_ours(path, f"{where}: {first['msg']}" if where else first["msg"]) from error
    for part, value in asked.items():
        if file.asked.get(part) != value:
            raise InputError.of(
                "Q002",
                f"{path} is of another search: its {part} is {file.asked.get(part, '?')}, not {value}",
                expected="the file of a search for the same, or a path where there is none",
            )
    if file.digest != _digest(json.dumps([file.asked, file.measured])):
        raise InputError.of(
            "Q003", f"{path} was changed after it was written", expected="the file as a search wrote it"
        )
    return {place: Measured(*rest) for place, *rest in file.measured}


def _no_file_of_ours(path: Path, why: str) -> InputError:
    return InputError.of(
        "Q001",
        f"{path} is no file of a search: {why}",
        expected="a file that planner search --resume wrote, or a path where there is none",
    )
