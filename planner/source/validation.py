"""Checking a document against its model: every mistake at once, each at its place."""

from __future__ import annotations

import re
from copy import deepcopy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from planner.errors import InputError, Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic_core import ErrorDetails

    from planner.source.document import Document

Model = TypeVar("Model", bound=BaseModel)

MOST_ATTEMPTS = 4

_LEAD = re.compile(r"(Input should be|\w+ should (have|match)) ")
OWN_CODE = re.compile(r"[A-Z][0-9]{3}\Z")
# pydantic's names of errors, by what they mean for an author.
CODE_OF_TYPE = {
    "extra_forbidden": "V001",
    "missing": "V002",
    "literal_error": "V004",
    "enum": "V004",
    "greater_than": "V005",
    "greater_than_equal": "V005",
    "less_than": "V005",
    "less_than_equal": "V005",
    "multiple_of": "V005",
    "finite_number": "V005",
    "string_pattern_mismatch": "V009",
    "string_too_short": "V009",
    "string_too_long": "V009",
    "too_short": "V010",
    "too_long": "V010",
    "value_error": "V011",
    "assertion_error": "V011",
}
TAG_ERRORS = {"union_tag_invalid", "union_tag_not_found"}
NAME_OF_TYPE = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


class Authored(BaseModel):
    """Base of the models of authored files: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


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

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.problems)

    @property
    def mistaken_values(self) -> bool:
        """Whether values were found mistaken; what seems missing may then be just these."""
        return any(problem.code.startswith("V") for problem in self.problems)

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
            findings.problems += [_problem(document, model, each) for each in details]
            data = deepcopy(data)
        for each in details:
            missing = each["loc"][-1:] if each["type"] == "missing" else ()
            path = _present(document, each["loc"][:-1] if missing else each["loc"])
            _leave_out(data, (*path, *missing), stand_ins)
    return None


def _leave_out(data: Any, path: tuple[str | int, ...], stand_ins: Mapping[tuple[str, ...], object]) -> None:
    """Replace or remove the value at `path`, or else what holds it.

    An item of a list stays, since its going would shift the others.
    """
    name = tuple(part for part in path if isinstance(part, str))
    holder = data
    try:
        for part in path[:-1]:
            holder = holder[part]
    except (KeyError, TypeError):
        return
    if name in stand_ins:
        holder[path[-1]] = stand_ins[name]
    elif isinstance(holder, dict) and path[-1] in holder:
        del holder[path[-1]]
    elif len(path) > 1:
        _leave_out(data, path[:-1], stand_ins)


def in_file_order(problems: Iterable[Problem]) -> list[Problem]:
    """`problems` without repetitions, sorted by their place."""

    def place(problem: Problem) -> tuple[str, int, int]:
        where = problem.position
        return (where.file, where.line, where.column) if where else ("", 0, 0)

    return sorted(dict.fromkeys(problems), key=place)


def _problem(document: Document, model: type[BaseModel], details: ErrorDetails) -> Problem:
    """One of pydantic's errors as a problem."""
    kind, where = details["type"], _present(document, details["loc"])
    context = details.get("ctx", {})
    if OWN_CODE.match(kind):
        return Problem(
            kind, context["message"], document.position(where), context["expected"], context["suggestion"]
        )
    if kind == "extra_forbidden":
        return _unknown_key(document, model, where, str(details["loc"][-1]))
    if kind in TAG_ERRORS:
        return _tag_problem(document, where, details)
    if kind == "missing":
        name = str(details["loc"][-1])
        return Problem("V002", f"{name!r} is missing", document.position(where), f"a key {name!r} here")
    return Problem(
        CODE_OF_TYPE.get(kind, "V003"),
        _message(kind, details["msg"], details["input"]),
        document.position(where, key=details["loc"][-1:] == ("[key]",)),
        _expected(kind, details["msg"], context),
        _quoted(kind, details["input"]) or _choice(details["input"], context),
    )


def _tag_problem(document: Document, where: tuple[str | int, ...], details: ErrorDetails) -> Problem:
    """A mapping whose kind is none of those there are, or is not said."""
    context = details.get("ctx", {})
    name = context["discriminator"].strip("'")
    if details["type"] == "union_tag_not_found":
        return Problem("V002", f"{name!r} is missing", document.position(where), f"a key {name!r} here")
    kinds = re.findall(r"'([^']*)'", context["expected_tags"])
    return Problem(
        "V004",
        f"got {_described(context['tag'])}",
        document.position((*where, name)),
        f"one of {', '.join(kinds)}",
        did_you_mean(str(context["tag"]), kinds),
    )


def _unknown_key(
    document: Document, model: type[BaseModel], where: tuple[str | int, ...], name: str
) -> Problem:
    known = _keys(model, where[:-1])
    return Problem(
        "V001",
        f"unknown key {name!r}",
        document.position(where, key=True),
        f"one of {', '.join(known)}" if known else "no such key",
        did_you_mean(name, known),
    )


def _present(document: Document, loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """`loc` without the parts that name a branch of a union and not a place in the document."""
    path: tuple[str | int, ...] = ()
    for part in loc:
        if document.has((*path, part)):
            path = (*path, part)
    return path


def _keys(model: type[BaseModel], where: tuple[str | int, ...]) -> list[str]:
    """The keys that the model allows at `where`, of every branch that has the keys there."""
    models: list[type[BaseModel]] = [model]
    for part in where:
        if isinstance(part, int):
            continue
        fields = [
            info
            for each in models
            for name, info in each.model_fields.items()
            if part in (name, info.alias) and info.annotation
        ]
        models = [found for info in fields for found in _models(info.annotation)]
    return list(
        dict.fromkeys(info.alias or name for each in models for name, info in each.model_fields.items())
    )


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models that occur anywhere in a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models(part)]


def _message(kind: str, message: str, value: object) -> str:
    if kind in ("value_error", "assertion_error"):
        return message.partition(", ")[2] or message
    return f"got {_described(value)}"


def _described(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return f"the text {value[:60]!r}"
        case int() | float():
            return f"the number {value}"
        case list():
            return f"a list of {len(value)}"
        case _:
            return "a mapping"


def _expected(kind: str, message: str, context: Mapping[str, Any]) -> str | None:
    if kind in NAME_OF_TYPE:
        return NAME_OF_TYPE[kind]
    if kind in ("value_error", "assertion_error"):
        return None
    if "expected" in context:
        return str(context["expected"])
    return _LEAD.sub("", message).partition(" after validation")[0]


def _quoted(kind: str, value: object) -> str | None:
    """What makes text of a number."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f'"{value}", in quotes' if kind == "string_type" and number else None


def _choice(value: object, context: Mapping[str, Any]) -> str | None:
    """The allowed value nearest to `value`, where there is a list of them."""
    choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))
    return did_you_mean(value, choices) if isinstance(value, str) else None
