"""Schemas for editors."""

import json
from pathlib import Path

import pytest

from planner.library import folder
from planner.report.schemas import SchemaName, json_schema

ROOM = Path(folder("model")).parent
NAMES = [SchemaName.WORKLOAD, SchemaName.MODEL]


@pytest.mark.parametrize("name", NAMES)
def test_shipped_schema_is_current(name):
    """The file beside the presets is what the models say."""
    assert json.loads((ROOM / f"{name}.schema.json").read_text()) == json_schema(name)


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_explained(name):
    """Editors have something to show for each key, by itself or with the section that it refers to."""
    document = json_schema(name)
    for part in [document, *document["$defs"].values()]:
        for key, about in part.get("properties", {}).items():
            assert {"description", "$ref"} & set(about), key


@pytest.mark.parametrize("name", NAMES)
def test_nothing_beyond_draft_7(name):
    """Words that draft 7 does not know are not used."""
    text = json.dumps(json_schema(name))
    assert not [word for word in ("prefixItems", "unevaluated", "dependentRequired") if word in text]


@pytest.mark.parametrize("kind", ["workload", "model"])
def test_shipped_files_name_their_schema(kind):
    """The first line of every shipped file leads editors to the schema."""
    for path in folder(kind).glob("*.yaml"):
        assert path.read_text().startswith(f"# yaml-language-server: $schema=../{kind}.schema.json\n#"), path


def test_a_file_that_includes_another_may_leave_keys_out():
    """Nothing is required of such a file, and of any other what is needed."""
    document = json_schema(SchemaName.WORKLOAD)
    assert "required" not in document
    assert document["if"] == {"not": {"required": ["include"]}}
    assert document["then"] == {"required": ["format_version", "name", "parallelism"]}
