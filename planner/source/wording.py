"""What pydantic finds, in an author's words: a code, a place, what was expected, what to try."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from planner.errors import Problem, did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

    from planner.source.document import Document

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
UNKNOWN_VERSION = "V013"
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


def problem_of(document: Document, model: type[BaseModel], details: ErrorDetails) -> Problem:
    """One of pydantic's errors as a problem."""
    kind, where = details["type"], place_of(document, details["loc"])
    context = details.get("ctx", {})
    if OWN_CODE.match(kind):
        return Problem(
            kind, context["message"], document.position(where), context["expected"], context["suggestion"]
        )
    if kind == "extra_forbidden":
        return _unknown_key(document, model, where, str(details["loc"][-1]))
    if kind in TAG_ERRORS:
        return _tag_problem(document, where, details)
    if kind == "literal_error" and details["loc"] == ("format_version",):
        return Problem(
            UNKNOWN_VERSION,
            f"unknown version of the format: {details['input']!r}",
            document.position(where),
            f"format_version: {context['expected']}",
        )
    if kind == "missing":
        name = str(details["loc"][-1])
        return Problem("V002", f"{name!r} is missing", document.position(where), f"a key {name!r} here")
    return Problem(
        CODE_OF_TYPE.get(kind, "V003"),
        _message(kind, details["msg"], details["input"]),
        document.position(where, key=details["loc"][-1:] == ("[key]",)),
        _expected(kind, details["msg"], context),
        (document.quoted(where) if kind == "string_type" else None) or _choice(details["input"], context),
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
        f"got {described(context['tag'])}",
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


def meant_key(document: Document, model: type[BaseModel], where: tuple[str | int, ...]) -> str | None:
    """The key of the model that the unknown one at `where` probably stands for, if that is not given."""
    meant = nearest(str(where[-1]), _keys(model, where[:-1]))
    return None if meant is None or document.has((*where[:-1], meant)) else meant


def place_of(document: Document, loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
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
    return f"got {described(value)}"


def described(value: object) -> str:
    """A value as an author would call it."""
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
        # YAML spells the one truth that python knows in lower case.
        return str(context["expected"]).replace("True", "true")
    return _LEAD.sub("", message).partition(" after validation")[0]


def _choice(value: object, context: Mapping[str, Any]) -> str | None:
    """The allowed value nearest to `value`, where there is a list of them."""
    choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))
    return did_you_mean(value, choices) if isinstance(value, str) else None
