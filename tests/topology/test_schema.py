"""The JSON Schema of topology files."""

from __future__ import annotations

import json

from planner.library import folder, shipped
from planner.report.schemas import SchemaName, json_schema
from planner.topology.schema import Topology


def test_shipped_schema_is_current():
    """The schema that editors are pointed to is the one that the models give."""
    text = (folder("topology") / "topology.schema.json").read_text()
    assert json.loads(text) == json_schema(SchemaName.TOPOLOGY)


def test_shipped_files_carry_the_modeline():
    """Every shipped topology tells editors where its schema is."""
    for name in shipped("topology"):
        first = (folder("topology") / f"{name}.yaml").read_text().splitlines()[0]
        assert first == "# yaml-language-server: $schema=topology.schema.json"


def test_schema_is_for_draft_7():
    """Nothing in it is newer than the draft that editors read."""
    text = json.dumps(json_schema(SchemaName.TOPOLOGY))
    assert "prefixItems" not in text
    assert "unevaluatedProperties" not in text


def test_every_key_has_hover_help():
    """Each key of each part is described."""
    schema = json_schema(SchemaName.TOPOLOGY)
    for part in [schema, *schema["$defs"].values()]:
        for name, value in part["properties"].items():
            assert value.get("description"), (part["title"], name)


def test_a_file_that_includes_may_leave_things_out():
    """With `include` nothing is required, without it what is needed."""
    schema = Topology.model_json_schema()
    assert "required" not in schema
    assert schema["if"] == {"not": {"required": ["include"]}}
    assert schema["then"] == {"required": ["format_version", "name", "tiers", "domains"]}
