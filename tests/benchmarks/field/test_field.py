"""What is found is never slower than what was published."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.field import __main__ as command
from tests.benchmarks.field.against import against
from tests.benchmarks.field.cases import OF_CALCULON, cases, is_in_space, pair, question

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "explanation" / "against-the-published.txt"
CASES = {run.id: run for run in cases()}
QUICK = ("ko22-22b-full", "ko22-22b-selective", "mb-70b-gb300-fsdp")


def test_cases_are_those_of_calculon_and_twenty_pairs():
    """The eight of its validation among them."""
    assert set(OF_CALCULON) <= set(CASES)
    assert len(OF_CALCULON) == 8
    assert len({pair(run) for run in CASES.values()}) >= 20


@pytest.mark.parametrize("name", CASES)
def test_published_strategy_is_in_the_space(name):
    """At least one reading of each run is among what the search looks at."""
    asked = question(CASES[name])
    assert any(is_in_space(job, asked) for job in CASES[name].choices)


@pytest.mark.parametrize("name", QUICK)
def test_found_is_not_slower(name):
    """Of a few quick ones; and what is saved is said."""
    outcome = against(CASES[name])
    assert outcome.ratio <= 1
    assert outcome.reason


def test_command_prints_a_line_a_run(capsys):
    """And how many published strategies are faster."""
    assert command.main([QUICK[0]]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith(QUICK[0])
    assert lines[-1].endswith("published faster in 0")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name not in QUICK])
def test_no_found_strategy_is_slower(name):
    """All other runs."""
    assert against(CASES[name]).ratio <= 1


def test_page_shows_every_run():
    """The table on the page has a line for each, and none is lost."""
    lines = PAGE.read_text().splitlines()
    assert {line.split()[0] for line in lines[1:-2]} == set(CASES)
    assert lines[-1].endswith("published faster in 0")
