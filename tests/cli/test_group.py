"""Every way to end has its exit code and message."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from planner import errors
from planner.cli.group import TRACE_VARIABLE, PlannerGroup
from tests.cli.commands import planner


def run(action):
    """Run a command that does `action`."""
    app = typer.Typer(cls=PlannerGroup, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    app.command("do")(action)
    return CliRunner().invoke(app, ["do"])


def failing(error):
    """An action that raises `error`."""

    def action():
        raise error

    return action


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.CheckError, 1),
        (errors.UsageError, 2),
        (errors.InputError, 3),
        (errors.InfeasibleError, 4),
        (errors.NoPlacementError, 5),
        (errors.InternalError, 6),
    ],
)
def test_planner_errors(kind, code):
    """Each kind of error has its own exit code, and says everything on stderr."""
    result = run(failing(kind.of("T001", "bad name", expected="a name", suggestion="n[1-4]")))
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr == "error[T001]: bad name\n  expected: a name\n  try: n[1-4]\n"


def test_all_problems_are_shown_with_their_places():
    """Two problems are two messages, each with file, line, column and caret."""
    place = errors.Position("a.yaml", 2, 3, 4, "  name: x")
    result = run(
        failing(errors.InputError(errors.Problem("V001", "one", place), errors.Problem("V002", "two")))
    )
    assert result.stderr == (
        "a.yaml:2:3: error[V001]: one\n 2 |   name: x\n   |   ^^^^\n\nerror[V002]: two\n"
    )


def test_unforeseen_failures_are_internal(monkeypatch):
    """Anything else ends with 6, without a traceback unless it is asked for."""
    result = run(failing(ZeroDivisionError("division by zero")))
    assert result.exit_code == 6
    assert "error[X001]: ZeroDivisionError: division by zero" in result.stderr
    assert "Traceback" not in result.stderr
    monkeypatch.setenv(TRACE_VARIABLE, "1")
    assert "Traceback" in run(failing(ZeroDivisionError("division by zero"))).stderr


def test_interrupts_end_with_130():
    """Ctrl-C outside of a search ends the command."""
    result = run(failing(KeyboardInterrupt()))
    assert (result.exit_code, result.stdout) == (130, "")


def test_codes_of_a_command_are_kept():
    """A command that exits by itself keeps its code, and one that returns ends with 0."""
    assert run(failing(typer.Exit(1))).exit_code == 1
    assert run(lambda: None).exit_code == 0


def test_the_option_parser_keeps_its_words_to_itself(topology, workload, tmp_path):
    """What a library calls an error is not shown."""
    outcome = planner("plan", topology, workload, "-o", tmp_path / "p.json", "--objective", "foo")
    assert outcome.code == 2
    assert "'foo' is not one of" in outcome.err
    assert "Value error" not in outcome.err
