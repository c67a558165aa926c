"""Errors: what they carry, and how they are shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import planner
from planner.codes import CODES
from planner.errors import (
    CheckError,
    InfeasibleError,
    InputError,
    InternalError,
    NoPlacementError,
    PlannerError,
    Position,
    Problem,
    UsageError,
    did_you_mean,
    nearest,
    printable,
    render,
    render_all,
)

LINE = "  - {name: rack, uplnk: 1.6 TB/s}"


def test_render_shows_place_line_caret_and_advice():
    """A problem is shown with its place, code, line, caret, expectation and suggestion."""
    position = Position("lab.yaml", 6, 18, 5, LINE)
    problem = Problem(
        "V001", "unknown key 'uplnk'", position, "one of name, uplink", "did you mean 'uplink'?"
    )
    assert render(problem).splitlines() == [
        "lab.yaml:6:18: error[V001]: unknown key 'uplnk'",
        " 6 |   - {name: rack, uplnk: 1.6 TB/s}",
        "   |                  ^^^^^",
        "  expected: one of name, uplink",
        "  did you mean 'uplink'?",
    ]


def test_render_without_position():
    """A problem that lies in no file is shown without a place."""
    assert render(Problem("U001", "no", suggestion="yes")) == "error[U001]: no\n  try: yes"


@pytest.mark.parametrize("column", [1, 40, 150, 300])
def test_long_line_is_cut_around_the_caret(column):
    """Of a long line the part around the place is shown, the caret under the right character."""
    text = "".join(chr(ord("a") + i % 26) for i in range(300))
    _, shown, caret = render(Problem("V001", "x", Position("f", 1, column, 1, text))).splitlines()
    assert len(shown) < 120
    assert shown[caret.index("^")] == text[column - 1]


def test_caret_stands_under_wide_characters():
    """Characters that take two columns move the caret by two."""
    _, shown, caret = render(Problem("V001", "x", Position("f", 1, 3, 1, "\u4e2d\u6587x"))).splitlines()
    assert caret.index("^") == shown.index("x") + 2


def test_printable_takes_the_sting_out_of_control_characters():
    """No escape sequence of a hostile file reaches the terminal."""
    assert printable("a\x1b[2Jb\tc\nd") == "a\ufffd[2Jb\u2192c\ufffdd"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CheckError, 1),
        (UsageError, 2),
        (InputError, 3),
        (InfeasibleError, 4),
        (NoPlacementError, 5),
        (InternalError, 6),
    ],
)
def test_exit_codes(error, code):
    """Each error has the exit code of the contract and is a PlannerError."""
    raised = error.of("V001", "x")
    assert raised.exit_code == code
    assert isinstance(raised, PlannerError)


def test_error_tells_all_its_problems():
    """The text of an error holds every problem."""
    error = InputError(Problem("V001", "one"), Problem("V002", "two"))
    assert str(error) == "error[V001]: one\nerror[V002]: two"
    assert [problem.code for problem in error.problems] == ["V001", "V002"]


def test_fifty_problems_are_enough():
    """The rest is counted."""
    text = render_all([Problem("T006", f"no {index}") for index in range(50_000)])
    assert text.count("error[T006]") == 50
    assert text.endswith("no 49\n\nand 49,950 more")


def test_position_is_kept_once_given():
    """A problem takes a position only if it has none."""
    first, second = Position("a", 1, 1), Position("b", 2, 2)
    assert Problem("V001", "x").at(first).at(second).position == first


def test_did_you_mean():
    """The nearest choice is proposed, and none where none is near."""
    assert did_you_mean("uplnk", ["name", "uplink"]) == "did you mean 'uplink'?"
    assert did_you_mean("zzz", ["name", "uplink"]) is None
    assert nearest("H100", ["h100", "h200"]) == "h100"
    assert nearest("gpsu", ["gpu", "gpus"]) == "gpus"


def test_codes_used_and_codes_listed_are_the_same():
    """The table lists every code that the source gives, and no other."""
    package = Path(planner.__file__).parent
    sources = [path.read_text() for path in package.rglob("*.py") if path.name != "codes.py"]
    used = {code for source in sources for code in re.findall(r'"([A-Z][0-9]{3})"', source)}
    assert used == set(CODES)
