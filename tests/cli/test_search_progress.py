"""Progress of a search where there is no terminal, and on one."""

from __future__ import annotations

import io
import sys

from planner.cli import search_progress
from planner.cli.search_progress import shown_progress


def test_lines(monkeypatch, capsys):
    """One every few seconds: how many, of how many, how fast, how long still, and the best."""
    clock = iter(range(0, 100, 2))
    monkeypatch.setattr(search_progress, "monotonic", lambda: float(next(clock)))
    with shown_progress() as progress:
        for done in range(10, 70, 10):
            progress.simulating(done, 100, 0.123456)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    # Ten in four seconds by the clock, which is read twice each time.
    told = "60 simulated of 100 that could be faster, 2 a second, at most 16 s more, best 0.1235 s"
    assert lines[2].endswith(told)


def test_lines_about_what_is_gone_through(monkeypatch, capsys):
    """What is being gone through, how far, and of how much where that is known."""
    clock = iter(range(0, 100, 6))
    monkeypatch.setattr(search_progress, "monotonic", lambda: float(next(clock)))
    with shown_progress() as progress:
        progress.going_through("bounds: strategies", 1280, None)
        progress.going_through("bounds: layers", 64, 3661)
    assert capsys.readouterr().err.splitlines() == [
        "    6.0 s  bounds: strategies, 1,280",
        "   12.0 s  bounds: layers, 64 of 3,661",
    ]


def test_bar(monkeypatch):
    """The same on a terminal."""
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with shown_progress() as progress:
        progress.going_through("bounds: layers", 5, 20)
        progress.simulating(30, 60, 0.5)
    assert "bounds: layers" in terminal.getvalue()
    assert "30/60" in terminal.getvalue()
    assert "best 0.5 s" in terminal.getvalue()
