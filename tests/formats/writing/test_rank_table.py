"""The rank table as comma-separated values."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np

from planner.formats.writing.rank_table import to_csv
from tests.builders import claimed, grid_cluster, grid_workload


def rows(text):
    """Rows as Python's own reader sees them."""
    return list(csv.DictReader(text.splitlines()))


def small(**options):
    """Eight ranks on two racks of one node."""
    workload = grid_workload(tp=2, dp=2, ep=2, pp=2, families=[("dp", "all_reduce", 1)])
    gpus = np.array([7, 6, 5, 4, 3, 2, 1, 0])
    return claimed(grid_cluster(2, 1, 4, **options), workload, gpus)


def test_columns():
    """The header is fixed, then one column a tier."""
    header = to_csv(small(nics=2)).splitlines()[0]
    assert header == "rank,tp,cp,ep,pp,dp,host,gpu,nic,node,rack,cluster"


def test_row_of_a_rank():
    """Rank 3 is tp 1, dp 1, so expert 1, on GPU 4: the first of the second node, on its first NIC."""
    found = rows(to_csv(small(nics=2)))
    assert len(found) == 8
    assert found[3] == {
        "rank": "3",
        "tp": "1",
        "cp": "0",
        "ep": "1",
        "pp": "0",
        "dp": "1",
        "host": "r01-n00",
        "gpu": "0",
        "nic": "0",
        "node": "r01/n00",
        "rack": "r01",
        "cluster": "test",
    }


def test_no_nic_is_an_empty_field():
    """Where nodes have no NICs the field is empty."""
    assert {row["nic"] for row in rows(to_csv(small()))} == {""}


def test_awkward_names_are_quoted():
    """A host name with a comma or a quote comes back as it was."""
    placement = small()
    cluster = replace(placement.cluster, host_names=['a,"b"', "c"])
    assert rows(to_csv(replace(placement, cluster=cluster)))[7]["host"] == 'a,"b"'
