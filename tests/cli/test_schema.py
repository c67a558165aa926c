"""`planner schema`."""

from __future__ import annotations

import pytest

from planner.report.schemas import SchemaName
from tests.cli.commands import planner


@pytest.mark.parametrize("name", list(SchemaName))
def test_every_schema_is_one_document(name):
    """Each describes a mapping of known keys."""
    document = planner("schema", name).document
    assert document["type"] == "object"
    assert "format_version" in document["properties"] or name is SchemaName.MODEL
