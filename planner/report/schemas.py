"""JSON Schema of every file that people write or read, for editors."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

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
    FLEET = "fleet"


def json_schema(name: SchemaName) -> dict[str, object]:
    """Schema of the files called `name`, with the descriptions that editors show."""
    from planner.report.described import Described

    return {"$schema": DIALECT} | _model(name).model_json_schema(schema_generator=Described)


def _model(name: SchemaName) -> type[BaseModel]:
    """The model that such a file is read with."""
    from planner.fleet.schema import FleetFile
    from planner.placement.schema import PlacementFile
    from planner.testing.schema import RulesFile
    from planner.topology.schema import Topology
    from planner.workload.schema import Architecture, WorkloadFile

    models: dict[SchemaName, type[BaseModel]] = {
        SchemaName.TOPOLOGY: Topology,
        SchemaName.WORKLOAD: WorkloadFile,
        SchemaName.MODEL: Architecture,
        SchemaName.RULES: RulesFile,
        SchemaName.PLACEMENT: PlacementFile,
        SchemaName.FLEET: FleetFile,
    }
    return models[name]
