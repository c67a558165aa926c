"""The planner's order against Slurm's own ones, on a real job: the claim of the page on it."""

from __future__ import annotations

import pytest

from tests.real import it_pays
from tests.real.hosts import require
from tests.real.other import PYTHON
from tests.real.slurm import PROGRAMS

pytestmark = [
    pytest.mark.real,
    require(*PROGRAMS),
    pytest.mark.skipif(
        not (PYTHON.parent / "torchrun").exists(), reason="tests/real/install.sh has not installed PyTorch"
    ),
]


def test_the_planned_order_pays():
    """Never slower than a default order, twice as fast as the worst one, in the order that is predicted."""
    rows = {row["order"]: row for row in it_pays.run()}
    ratios = {order: row["ratio"] for order, row in rows.items()}
    told = it_pays.table(list(rows.values()))
    assert min(ratios.values()) == ratios["planner"], told
    assert max(ratios.values()) >= 2, told
    assert sorted(rows, key=ratios.get) == sorted(rows, key=lambda order: rows[order]["predicted"]), told
