"""JSON Schema of every file that people write or read, for editors."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

# What the YAML servers of editors understand.
DIALECT = "http://json-schema.org/draft-07/schema#"


class SchemaName(StrEnum):
    """The files that have a schema."""

    TOPOLOGY = "topology"
    WORKLOAD = "workload"
    MODEL = "model"
    RULES = "rules"
    PLACEMENT = "placement"


def json_schema(name: SchemaName) -> dict[str, Any]:
    """Schema of the files called `name`, with the descriptions that editors show."""
    from planner.placement.schema import PlacementFile
    from planner.testing.schema import RulesFile
    from planner.topology.schema import json_schema as topology_schema
    from planner.workload.schema import json_schema as workload_schema
    from planner.workload.schema import model_json_schema

    match name:
        case SchemaName.TOPOLOGY:
            return topology_schema()
        case SchemaName.WORKLOAD:
            return workload_schema()
        case SchemaName.MODEL:
            return model_json_schema()
        case SchemaName.RULES:
            return _as_draft_7(RulesFile)
        case SchemaName.PLACEMENT:
            return _as_draft_7(PlacementFile)


def _as_draft_7(model: type[BaseModel]) -> dict[str, Any]:
    return {"$schema": DIALECT} | model.model_json_schema(by_alias=True)
