"""The page that shows what a placement is worth, and the table on it."""

from __future__ import annotations

import re

import pytest
from ruamel.yaml import YAML

from tests.docs.conftest import load_script
from tests.real import it_pays, step

ROW = re.compile(r"(\w+) +([\d.]+) s +([\d.]+)x +([\d.]+)x")


def shown():
    """Step time, measured and predicted ratio of each order, from the table."""
    rows = ROW.findall(it_pays.TABLE.read_text())
    return {order: tuple(map(float, numbers)) for order, *numbers in rows}


def test_the_table_shows_what_the_page_claims():
    """Each order has its row; the planner's is the fastest, the worst takes twice as long or more."""
    rows = shown()
    assert list(rows) == list(it_pays.ORDERS)
    assert min(seconds for seconds, _, _ in rows.values()) == rows["planner"][0]
    assert max(ratio for _, ratio, _ in rows.values()) >= 2
    for seconds, ratio, _ in rows.values():
        assert ratio == pytest.approx(seconds / rows["planner"][0], rel=0.02)


def test_the_page_has_the_table_and_the_script():
    """Both are included, not copied."""
    text = it_pays.PAGE.read_text()
    for path in (it_pays.TABLE, it_pays.ROOT / "tests" / "real" / "step.py"):
        assert f'--8<-- "{path.relative_to(it_pays.ROOT)}"' in text


def test_the_workload_states_what_the_script_moves():
    """Byte for byte."""
    blocks = load_script("commands").FENCE.finditer(it_pays.PAGE.read_text())
    body = next(block["body"] for block in blocks if 'title="job.yaml"' in block["options"])
    job = YAML(typ="safe").load(body)
    assert {axis: each["bytes"] for axis, each in job["traffic"].items()} == step.traffic()
    assert job["parallelism"] == {"tp": step.TP, "pp": step.PP, "dp": step.DP}


@pytest.mark.slow
def test_the_table_shows_what_is_predicted_now(tmp_path):
    """The ratios of crossing bytes over uplinks are those of today's planner."""
    it_pays.prepare(tmp_path)
    expected = it_pays.predicted(tmp_path)
    assert {order: row[2] for order, row in shown().items()} == {
        order: round(ratio, 2) for order, ratio in expected.items()
    }
