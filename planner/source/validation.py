"""Checking a document against its model: every mistake at once, each at its place."""

from __future__ import annotations

from copy import deepcopy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from planner.errors import InputError, Problem
from planner.source.wording import UNKNOWN_VERSION, meant_key, place_of, problem_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from planner.source.document import Document

Model = TypeVar("Model", bound=BaseModel)

MOST_ATTEMPTS = 4


class Authored(BaseModel):
    """Base of the models of authored files: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def require_unless_included(schema: dict[str, Any]) -> None:
    """Change the JSON schema of a file so that one that includes another may leave any key out."""
    schema["if"] = {"not": {"required": ["include"]}}
    schema["then"] = {"required": schema.pop("required")}


def mistake(
    code: str, message: str, *, expected: str | None = None, suggestion: str | None = None
) -> PydanticCustomError:
    """An error for a pydantic validator to raise, with a code of our own."""
    return PydanticCustomError(
        code, "{message}", {"message": message, "expected": expected, "suggestion": suggestion}
    )


class Findings:
    """Problems of one document, gathered so that they can be told all at once."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self._mistaken: set[tuple[str | int, ...]] = set()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.problems)

    def doubt(self, path: Sequence[str | int]) -> None:
        """Remember that the value at `path` is not what its author meant."""
        self._mistaken.add(tuple(path))

    def doubtful(self, *path: str | int) -> bool:
        """Whether the value at `path`, or what holds it, was found mistaken.

        What does not fit to such a value is no mistake of its own.
        """
        return any(path[:end] in self._mistaken for end in range(1, len(path) + 1))

    def doubtful_within(self, *path: str | int) -> bool:
        """Whether the value at `path`, what holds it, or a part of it was found mistaken."""
        return self.doubtful(*path) or any(each[: len(path)] == path for each in self._mistaken)

    def add(
        self,
        code: str,
        message: str,
        path: Sequence[str | int],
        *,
        key: bool = False,
        expected: str | None = None,
        suggestion: str | None = None,
    ) -> None:
        """Note a problem with the value (or the key) at `path` of the document."""
        self.problems.append(
            Problem(code, message, self.document.position(path, key=key), expected, suggestion)
        )

    def take(self, error: InputError, path: Sequence[str | int]) -> None:
        """Note the problems of `error`, which came of the value at `path`."""
        self.problems += [problem.at(self.document.position(path)) for problem in error.problems]

    def settle(self) -> None:
        """Raise an InputError of all problems, in the order of the file, if there are any."""
        if self.problems:
            raise InputError(*in_file_order(self.problems))


def validate(document: Document, model: type[Model]) -> Model:
    """`document` as a `model`.

    Raises
    ------
    InputError
        One problem for each mistake, in the order of the file.
    """
    findings = Findings(document)
    valid = examine(findings, model)
    findings.settle()
    assert valid is not None
    return valid


def examine(
    findings: Findings,
    model: type[Model],
    stand_ins: Mapping[tuple[str, ...], object] = MappingProxyType({}),
) -> Model | None:
    """The document as a `model`, its mistakes noted; None where they leave nothing to go on with.

    Mistaken values are left out, so that what lies deeper is examined in the same run.

    Parameters
    ----------
    stand_ins
        What takes the place of a mistaken or missing value that cannot be left out, by its path
        without the indices of lists.
    """
    document = findings.document
    data = document.data
    for attempt in range(MOST_ATTEMPTS):
        try:
            return model.model_validate(data)
        except ValidationError as error:
            details = error.errors(include_url=False)
        if attempt == 0:
            findings.problems += [problem_of(document, model, each) for each in details]
            data = deepcopy(data)
        for each in details:
            missing = each["loc"][-1:] if each["type"] == "missing" else ()
            path = (*place_of(document, each["loc"][:-1] if missing else each["loc"]), *missing)
            if each["type"] == "extra_forbidden":
                meant = meant_key(document, model, path)
                if meant is not None:
                    findings.doubt((*path[:-1], meant))
            else:
                findings.doubt(path)
            findings.doubt(_leave_out(data, path, stand_ins))
    return None


def _leave_out(
    data: Any, path: tuple[str | int, ...], stand_ins: Mapping[tuple[str, ...], object]
) -> tuple[str | int, ...]:
    """Replace or remove the value at `path`, or else what holds it; the path of what it was.

    An item of a list stays, since its going would shift the others.
    """
    name = tuple(part for part in path if isinstance(part, str))
    holder = data
    try:
        for part in path[:-1]:
            holder = holder[part]
    except (KeyError, TypeError):
        return path
    if name in stand_ins:
        holder[path[-1]] = stand_ins[name]
    elif isinstance(holder, dict) and path[-1] in holder:
        del holder[path[-1]]
    elif len(path) > 1:
        return _leave_out(data, path[:-1], stand_ins)
    return path


def in_file_order(problems: Iterable[Problem]) -> list[Problem]:
    """`problems` without repetitions, sorted by their place.

    An unknown version of the format comes first, since it may explain all others.
    """

    def place(problem: Problem) -> tuple[bool, str, int, int]:
        where = problem.position
        known = problem.code != UNKNOWN_VERSION
        return (known, where.file, where.line, where.column) if where else (known, "", 0, 0)

    return sorted(dict.fromkeys(problems), key=place)
