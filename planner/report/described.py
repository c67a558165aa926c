"""Descriptions in JSON Schemas, which editors show: the text that stands below a field."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from textwrap import dedent
from typing import TYPE_CHECKING

from pydantic.json_schema import GenerateJsonSchema

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core.core_schema import ModelSchema


class Described(GenerateJsonSchema):
    """Schemas in which the text below a field describes it.

    Pydantic reads these texts with every model that it makes, which no other command has a use for and
    which takes as long as all the rest of it.
    """

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        """The schema of one model."""
        found = super().model_schema(schema)
        model = schema["cls"]
        for name, text in _texts(model).items():
            field = model.model_fields[name]
            found["properties"][field.alias or name].setdefault("description", text)
        return found


def _texts(model: type[BaseModel]) -> dict[str, str]:
    """The text below each field of a model."""
    found = {}
    for each in reversed(model.__mro__):
        if not each.__module__.startswith("planner."):
            continue
        (definition,) = ast.parse(dedent(inspect.getsource(each))).body
        assert isinstance(definition, ast.ClassDef)
        for one, other in pairwise(definition.body):
            match one, other:
                case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                    found[name] = inspect.cleandoc(text)
    return {name: text for name, text in found.items() if name in model.model_fields}
