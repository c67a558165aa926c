"""JSON Schema for editors."""

from __future__ import annotations

import json

import pytest

from planner.library import PACKAGE, folder
from planner.report.schemas import DIALECT, SchemaName, json_schema

SHIPPED = {
    SchemaName.TOPOLOGY: folder("topology") / "topology.schema.json",
    SchemaName.WORKLOAD: PACKAGE / "workload" / "workload.schema.json",
    SchemaName.MODEL: PACKAGE / "workload" / "model.schema.json",
    SchemaName.FLEET: PACKAGE / "fleet" / "fleet.schema.json",
}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_schemas_are_current(name):
    """The file that modelines point editors at is what the command prints."""
    assert json.loads(SHIPPED[name].read_text()) == json_schema(name)


@pytest.mark.parametrize("kind", ["topology", "workload", "model", "fleet"])
def test_modelines_lead_somewhere(kind):
    """Every shipped file names a schema that is there."""
    for path in folder(kind).glob("*.yaml"):
        modeline = path.read_text().splitlines()[0]
        _, _, relative = modeline.partition("# yaml-language-server: $schema=")
        assert relative, path
        assert (path.parent / relative).is_file(), path


@pytest.mark.parametrize("name", list(SHIPPED))
def test_top_level_keys_are_described(name):
    """Hovering over a key shows what it means."""
    schema = json_schema(name)
    assert schema["$schema"] == DIALECT
    described = [key for key, value in schema["properties"].items() if "description" in value]
    assert len(described) >= len(schema["properties"]) / 2


def test_no_fixed_length_tuples():
    """Editors do not read the 2020 form of them."""
    assert "prefixItems" not in json.dumps([json_schema(name) for name in SchemaName])
