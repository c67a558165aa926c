"""Progress."""

from __future__ import annotations

import math

from planner.cli.progress import PlainLines, progress_line, shown_progress
from planner.placement.placement import Objective
from planner.solve.setup.result import Progress


def test_line():
    """Seconds, phase, incumbent, bound and gap in one line."""
    line = progress_line(Objective.WEIGHTED, Progress(1.25, 0.004, 0.002, "polish"))
    assert line.split(maxsplit=3)[2:] == ["polish", "incumbent 4 ms  bound 2 ms  gap 100 %"]


def test_nothing_known_yet():
    """Before the first placement there are dashes."""
    line = progress_line(Objective.CROSS_NODE, Progress(0.0, math.inf, 0.0, "start"))
    assert "incumbent -  bound 0 B  gap -" in line


def test_plain_lines_are_few(capsys):
    """A line for each phase, and at most one a second within it."""
    lines = PlainLines(Objective.WEIGHTED)
    for tenth in range(30):
        lines(Progress(tenth / 10, 100.0 - tenth, 1.0, "polish"))
    lines(Progress(3.0, 50.0, 1.0, "check"))
    assert len(capsys.readouterr().err.splitlines()) == 4


def test_unchanged_progress_is_not_repeated(capsys):
    """Nothing new, no line."""
    lines = PlainLines(Objective.WEIGHTED)
    for second in range(5):
        lines(Progress(float(second), 2.0, 1.0, "polish"))
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_without_a_terminal_lines_are_plain(capsys):
    """Progress goes to stderr, without escape codes, and stdout stays clean."""
    with shown_progress(Objective.WEIGHTED) as progress:
        progress(Progress(0.0, 2.0, 1.0, "polish"))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "\x1b" not in captured.err
    assert "polish" in captured.err
