"""`planner export`."""

from __future__ import annotations

import csv

from tests.cli.commands import planner


def test_csv(placement, tmp_path):
    """One row a rank under the header of the contract."""
    path = tmp_path / "ranks.csv"
    outcome = planner("export", placement, "--to", "csv", "-o", path)
    assert (outcome.code, outcome.out) == (0, "")
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert ",".join(rows[0]) == "rank,tp,cp,ep,pp,dp,host,gpu,nic,node,rack,cluster"
    assert [row[0] for row in rows[1:]] == [str(rank) for rank in range(16)]


def test_unknown_formats_and_bad_paths_are_usage_errors(placement, tmp_path):
    """Refused before anything is read."""
    assert planner("export", placement, "--to", "xlsx", "-o", tmp_path / "a").code == 2
    assert planner("export", placement, "--to", "csv", "-o", tmp_path).code == 2
    assert planner("export", placement, "--to", "csv", "-o", placement).code == 2
