"""The rank table as a format of its own."""

from __future__ import annotations

from planner.formats.exporters.csv import OPTIONS, export
from planner.formats.writing.rank_table import to_csv
from tests.formats.jobs import irregular


def test_the_table_alone():
    """One file, nothing to run, nothing to be told."""
    found = export(irregular(), {})
    assert found.files == {"ranks.csv": to_csv(irregular()).encode()}
    assert (found.command, OPTIONS) == ("", ())
