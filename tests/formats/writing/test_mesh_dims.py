"""The dimensions of a mesh of ranks."""

from __future__ import annotations

import pytest

from planner.errors import UsageError
from planner.formats.writing.mesh_dims import dims_of, mesh_plan
from planner.workload.mesh import Mesh


def test_dims_in_any_order():
    """Axes of one rank may be left out, or stay."""
    assert dims_of(Mesh(tp=2, pp=2), "tp, pp") == ("tp", "pp")
    assert dims_of(Mesh(tp=2, pp=2), "pp,dp,cp,tp") == ("pp", "dp", "cp", "tp")


@pytest.mark.parametrize("text", ["pp,dp", "pp,pp,tp", "pp,tp,zz", "", "pp,tp,ep"])
def test_what_are_not_the_axes(text):
    """An axis missing, twice, unknown, or one without ranks of its own."""
    with pytest.raises(UsageError, match="E021"):
        dims_of(Mesh(tp=2, pp=2), text)


def test_plan():
    """Degrees with the folded ones, and the order of ranks without what has none."""
    plan = mesh_plan(Mesh(tp=2, dp=4, ep=2, rank_order=("dp", "ep", "tp", "pp", "cp")), "dp,tp")
    assert plan["order"] == ["dp", "tp", "pp", "cp"]
    assert plan["degrees"] == {"tp": 2, "cp": 1, "dp": 4, "pp": 1, "ep": 2, "edp": 2}
    assert plan["dims"] == ["dp", "tp"]
