"""What the checker found, as people and scripts read it."""

from __future__ import annotations

from planner.errors import Position
from planner.placement.check import Finding, Report, check
from planner.report.check import check_document, check_view
from planner.testing.rules import RuleResult
from tests.report.jobs import text_of, two_racks

PLACE = Position("rules.yaml", 3, 5)


def test_all_is_well():
    """The verdict and the tiers."""
    placement = two_racks(bound=1.0)
    report = check(placement)
    assert check_document(placement, report, ())["ok"] is True
    text = text_of(check_view(placement, report, ()))
    assert "every claim holds" in text
    assert "optimal" in text


def test_findings():
    """Each with its code, and nothing is claimed to be well."""
    placement = two_racks()
    report = Report((Finding("C001", "rank 3 twice"), Finding("C002", "wrong bytes")), 32)
    document = check_document(placement, report, ())
    assert document["ok"] is False
    assert [finding["code"] for finding in document["findings"]] == ["C001", "C002"]
    assert document["tiers"] == []
    text = text_of(check_view(placement, report, ()))
    assert "the check fails: 2 findings" in text
    assert "error[C001]: rank 3 twice" in text


def test_a_broken_rule_is_not_ok_though_every_claim_holds():
    """Rules of one's own count, and say where they stand."""
    placement = two_racks(bound=1.0)
    results = [RuleResult("tp in node", None, PLACE), RuleResult("gap", "gap is 3 %", PLACE)]
    document = check_document(placement, check(placement), results)
    assert document["ok"] is False
    assert [rule["ok"] for rule in document["rules"]] == [True, False]
    text = text_of(check_view(placement, check(placement), results))
    assert "holds   tp in node" in text
    assert "BROKEN  gap" in text
    assert "rules.yaml:3:5: gap is 3 %" in text
