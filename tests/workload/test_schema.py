"""Schemas for editors."""

import json
from pathlib import Path

import pytest

from planner.library import folder
from planner.workload.schema import json_schema, model_json_schema

ROOM = Path(folder("model")).parent


@pytest.mark.parametrize(
    ("file", "schema"), [("workload.schema.json", json_schema), ("model.schema.json", model_json_schema)]
)
def test_shipped_schema_is_current(file, schema):
    """The file beside the presets is what the models say."""
    assert json.loads((ROOM / file).read_text()) == schema()


@pytest.mark.parametrize("schema", [json_schema, model_json_schema])
def test_every_key_is_explained(schema):
    """Editors have something to show for each key, by itself or with the section that it refers to."""
    document = schema()
    for part in [document, *document["$defs"].values()]:
        for name, key in part.get("properties", {}).items():
            assert {"description", "$ref"} & set(key), name


@pytest.mark.parametrize("schema", [json_schema, model_json_schema])
def test_nothing_beyond_draft_7(schema):
    """Words that draft 7 does not know are not used."""
    text = json.dumps(schema())
    assert not [word for word in ("prefixItems", "unevaluated", "dependentRequired") if word in text]


@pytest.mark.parametrize("kind", ["workload", "model"])
def test_shipped_files_name_their_schema(kind):
    """The first line of every shipped file leads editors to the schema."""
    for path in folder(kind).glob("*.yaml"):
        assert path.read_text().startswith(f"# yaml-language-server: $schema=../{kind}.schema.json\n#"), path
