"""The rank table as a Parquet file."""

from __future__ import annotations

import io
import sys
from dataclasses import replace

import pytest

from planner.errors import UsageError
from planner.formats.exporters.parquet import export
from planner.formats.writing.rank_table import columns
from tests.formats.jobs import irregular


def read(placement):
    """The columns of the file, as its own library reads them."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    table = parquet.read_table(io.BytesIO(export(placement, {}).files["ranks.parquet"]))
    return table.to_pydict()


def test_columns_are_those_of_the_table():
    """Names, order and values; numbers are numbers."""
    found = read(irregular())
    assert [*found.items()] == [(name, list(values)) for name, values in columns(irregular())]
    assert found["rank"] == list(range(10))
    assert set(read(irregular(nics=0))["nic"]) == {None}


def test_a_tier_that_is_called_as_a_column():
    """It has a column of its own."""
    placement = irregular()
    tiers = placement.cluster.tiers
    cluster = replace(placement.cluster, tiers=(tiers[0], replace(tiers[1], name="host"), tiers[2]))
    found = read(replace(placement, cluster=cluster))
    assert found["host"][0] == "r01-n00"
    assert found["host_tier"][0] == "r01"


def test_without_the_package(monkeypatch):
    """What to install is told."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"planner\[parquet\]") as caught:
        export(irregular(), {})
    assert caught.value.problems[0].code == "E008"
