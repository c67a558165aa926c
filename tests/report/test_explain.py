"""The whole explanation."""

from __future__ import annotations

import json

import numpy as np
import pytest

from planner.errors import UsageError
from planner.report.explain import explain, explain_rank
from tests.builders import claimed, grid_cluster, grid_workload
from tests.report.jobs import text_of, two_racks


def test_everything_is_said():
    """Verdict, what binds, groups of each crossed tier, and the map."""
    text = text_of(explain(two_racks(bound=0.97)).view())
    assert "feasible   weighted 4 ms   bound 3.88 ms   gap 3.09 %" in text
    assert "The node tier binds" in text
    assert "groups cross the node tier" in text
    assert "groups cross the rack tier" in text
    assert "ranks of each stage in each node" in text


def test_one_tier_only():
    """A chosen tier is listed and mapped, no other."""
    explanation = explain(two_racks(), tier="rack", limit=2)
    assert [tier.tier for tier in explanation.groups] == ["rack"]
    assert len(explanation.groups[0].groups) == 1
    assert explanation.drawn.tier == "rack"


def test_document_is_json():
    """The same facts as plain data."""
    document = explain(two_racks()).document()
    assert set(document) == {"spares_used", "binding", "groups", "map", "rails", "stages"}
    assert json.loads(json.dumps(document, allow_nan=False)) == document


@pytest.mark.parametrize(("wrong", "hint"), [({"tier": "nod"}, "node"), ({"axis": "ppp"}, "pp")])
def test_unknown_names_are_usage_errors(wrong, hint):
    """A tier or axis that is not there gets a suggestion."""
    with pytest.raises(UsageError) as caught:
        explain(two_racks(), **wrong)
    assert caught.value.problems[0].code == "U006"
    assert hint in caught.value.problems[0].suggestion


@pytest.mark.parametrize("rank", [-1, 32])
def test_unknown_ranks_are_usage_errors(rank):
    """A rank that the job does not have is refused with the range there is."""
    with pytest.raises(UsageError, match="from 0 to 31"):
        explain_rank(two_racks(), rank)


def test_spares_in_use_are_told():
    """The title says how many ranks are on spares, and so does the document."""
    cluster = grid_cluster(2, 4, uplinks=(1e9,), spare=(2,))
    workload = grid_workload(dp=8, families=[("dp", "all_reduce", 1.0)])
    found = explain(claimed(cluster, workload, np.arange(8)))
    assert found.document()["spares_used"] == 1
    assert "; 1 rank on spares" in text_of(found.view())
