"""`planner check`."""

from __future__ import annotations

import json

from planner.placement.file import write_placement
from tests.cli.commands import planner
from tests.cost.jobs import placed


def tampered(placement):
    """Swap two ranks of different racks in the file."""
    document = json.loads(placement.read_text())
    for column in document["ranks"].values():
        column[0], column[-1] = column[-1], column[0]
    placement.write_text(json.dumps(document))


def test_a_good_placement(placement):
    """Every claim holds."""
    outcome = planner("check", placement)
    assert outcome.code == 0
    assert "every claim holds" in outcome.out


def test_json(placement):
    """The recomputed numbers."""
    document = planner("check", placement, "--json").document
    assert document["ok"] is True
    assert document["ranks"] == 16
    assert document["findings"] == []
    assert [tier["tier"] for tier in document["tiers"]] == ["node", "rack", "cluster"]


def test_a_tampered_placement_ends_with_1(placement):
    """What was changed is found, and told one by one."""
    tampered(placement)
    outcome = planner("check", placement)
    assert outcome.code == 1
    assert "the check fails" in outcome.out
    document = planner("check", placement, "--json").document
    assert document["ok"] is False
    assert len(document["findings"]) >= 2


def test_rules(placement, tmp_path):
    """Rules of one's own are held against it, and a broken one ends with 1."""
    rules = tmp_path / "rules.yaml"
    rules.write_text("format_version: 1\nrules:\n  - within: {axis: tp, tier: node}\n")
    assert planner("check", placement, "--rules", rules).code == 0
    rules.write_text("format_version: 1\nrules:\n  - within: {axis: dp-pp, tier: node}\n")
    outcome = planner("check", placement, "--rules", rules)
    assert outcome.code == 1
    assert "BROKEN" in outcome.out
    document = planner("check", placement, "--rules", rules, "--json").document
    assert (document["ok"], document["findings"]) == (False, [])
    assert document["rules"][0]["ok"] is False
    assert document["rules"][0]["line"] == 3


def test_no_placement_file_ends_with_3(topology, tmp_path):
    """Neither a missing file nor another kind of file is a traceback."""
    for path in (tmp_path / "missing.json", topology, tmp_path):
        outcome = planner("check", path)
        assert (outcome.code, outcome.out) == (3, "")
        assert outcome.err.startswith(("error[", str(path)))


def test_the_order_of_a_step(tmp_path):
    """It is run where asked for; a way of posting that deadlocks is told with who waits for what."""
    path = tmp_path / "job.json"
    write_placement(placed(), path)
    outcome = planner("check", path, "--schedule")
    assert outcome.code == 0, outcome.err
    assert "no deadlock" in outcome.out
    found = planner("check", path, "--schedule", "--posting", "apart", "--json")
    assert found.code == 1
    document = json.loads(found.out)
    assert document["ok"] is False
    assert [each["code"] for each in document["schedule"]["findings"]] == ["K017"]
    assert "stage 1, which waits to send" in document["schedule"]["findings"][0]["message"]
    told = planner("check", path, "--schedule", "--posting", "apart")
    assert (told.code, "error[K017]" in told.out) == (1, True)


def test_posting_is_about_the_order_of_a_step(tmp_path):
    """Without --schedule it would say nothing, so that it is a mistake."""
    path = tmp_path / "job.json"
    write_placement(placed(), path)
    outcome = planner("check", path, "--posting", "apart")
    assert (outcome.code, outcome.out) == (2, "")
    assert "--schedule" in outcome.err
