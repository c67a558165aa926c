"""Validation: every mistake at once, each at its place."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field, field_validator

from planner.errors import InputError
from planner.source import Authored, Findings, examine, mistake, parse_document, validate
from planner.units import Bandwidth


class Nics(Authored):
    """A part."""

    count: int = Field(ge=1)
    bandwidth: Bandwidth


class Tier(Authored):
    """A part in a list."""

    name: str
    kind: Literal["node", "rack"] = "node"
    nics: Nics | None = None

    @field_validator("name")
    @classmethod
    def not_taken(cls, name):
        """Refuse one name, with a code of our own."""
        if name == "taken":
            raise mistake("T011", "taken", expected="another", suggestion="free")
        return name


class Whole(Authored):
    """A document."""

    name: str
    tiers: list[Tier] = Field(min_length=1)
    size: float = 1.0


def told(text, model=Whole):
    """Code, line, column of everything that is wrong with `text`."""
    with pytest.raises(InputError) as caught:
        validate(parse_document(text), model)
    return [(p.code, p.position.line, p.position.column) for p in caught.value.problems]


def test_valid():
    """A good document becomes its model."""
    whole = validate(parse_document("name: a\ntiers: [{name: b, nics: {count: 2, bandwidth: 8 b/s}}]"), Whole)
    assert whole.tiers[0].nics == Nics(count=2, bandwidth="8 b/s")


def test_all_mistakes_at_once_in_file_order():
    """Every mistake is told, in the order of the file."""
    text = """\
nam: a
tiers:
  - {name: taken, kind: rak}
  - {name: 5, nics: {count: 0, bandwidth: 3}}
  - {name: x, nics: {bandwith: 8 b/s}}
size: big
"""
    assert told(text) == [
        ("V002", 1, 1),
        ("V001", 1, 1),
        ("T011", 3, 12),
        ("V004", 3, 25),
        ("V003", 4, 12),
        ("V005", 4, 29),
        ("V006", 4, 43),
        ("V002", 5, 21),
        ("V002", 5, 21),
        ("V001", 5, 22),
        ("V003", 6, 7),
    ]


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("name: a\ntires: []", "did you mean 'tiers'?"),
        ("name: a\ntiers: [{name: b, nisc: {}}]", "did you mean 'nics'?"),
        (
            "name: a\ntiers: [{name: b, nics: {count: 1, bandwidth: 8 b/s, cuont: 1}}]",
            "did you mean 'count'?",
        ),
        ("name: a\ntiers: [{name: b, kind: noda}]", "did you mean 'node'?"),
    ],
)
def test_did_you_mean(text, suggestion):
    """A mistyped key or choice is told the nearest one, at any depth."""
    with pytest.raises(InputError) as caught:
        validate(parse_document(text), Whole)
    assert suggestion in [problem.suggestion for problem in caught.value.problems]


def test_examine_goes_on_without_what_is_mistaken():
    """Optional values that are mistaken are left out, and the rest becomes the model."""
    findings = Findings(parse_document("name: a\nx: 1\ntiers: [{name: b, nics: {count: 0, bandwidth: 3}}]"))
    whole = examine(findings, Whole)
    assert whole == Whole(name="a", tiers=[Tier(name="b")])
    assert len(findings.problems) == 3


def test_examine_uses_stand_ins():
    """A value that cannot be left out is replaced by what stands in for it."""
    findings = Findings(parse_document("tiers: [{name: 5}]"))
    whole = examine(findings, Whole, {("name",): "unnamed", ("tiers", "name"): "t"})
    assert whole == Whole(name="unnamed", tiers=[Tier(name="t")])


def test_examine_gives_up():
    """Where an item of a list is beyond repair there is no model."""
    findings = Findings(parse_document("name: a\ntiers: [{}]"))
    assert examine(findings, Whole) is None
    assert findings


def test_findings_settle():
    """Nothing is raised without problems; with them, all are, without repetitions."""
    findings = Findings(parse_document("a: 1\nb: 2"))
    findings.settle()
    findings.add("V001", "second", ("b",))
    findings.add("V001", "first", ("a",), key=True)
    findings.add("V001", "second", ("b",))
    with pytest.raises(InputError) as caught:
        findings.settle()
    assert [problem.message for problem in caught.value.problems] == ["first", "second"]


def test_an_unknown_version_is_told_first():
    """Whatever else is wrong may come of it; where it stands in the file does not matter."""

    class Versioned(Authored):
        format_version: Literal[1]
        name: str
        sure: Literal[True] = True

    with pytest.raises(InputError) as caught:
        validate(parse_document("name: 5\nsure: false\nformat_version: 2"), Versioned)
    first, *_, last = caught.value.problems
    assert (first.code, first.message) == ("V013", "unknown version of the format: 2")
    assert last.expected == "true"
