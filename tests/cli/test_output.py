"""Writing to the terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from rich.text import Text

from planner.cli.output import emit, show
from planner.report.style import table
from tests.cli.commands import command, planner


def test_show_is_plain_where_it_is_piped(capsys):
    """No escape codes outside of a terminal."""
    show(Text("warning", style="bold red"), "and more")
    assert capsys.readouterr().out == "warning\nand more\n"


def test_brackets_are_no_markup(capsys):
    """A domain may be called what a colour is called, and a long line stays one line."""
    show("x[red]y :smile: " + "z" * 200)
    assert capsys.readouterr().out == "x[red]y :smile: " + "z" * 200 + "\n"


def test_rows_stay_whole_where_they_are_piped(capsys, monkeypatch):
    """Programs that read line by line find a row in one; COLUMNS says otherwise."""
    monkeypatch.delenv("COLUMNS", raising=False)
    made = table("a")
    made.add_row(" ".join(["word"] * 25))
    show(made)
    assert " ".join(["word"] * 25) in capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "40")
    show(made)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 40


def test_lines_end_where_their_text_does(capsys):
    """Tables that are piped are not padded up to their right edge."""
    shown = table("name", "what it is", left=2)
    shown.add_row("short", "a")
    shown.add_row("", "a good deal longer")
    show(shown, "a title  ")
    lines = capsys.readouterr().out.splitlines()
    assert " short   a" in lines
    assert [line for line in lines if line != line.rstrip()] == []


def test_emit_is_one_document(capsys):
    """Plain data comes out as JSON that reads back equal."""
    emit({"a": [1, None]})
    assert json.loads(capsys.readouterr().out) == {"a": [1, None]}


def test_infinity_is_null(capsys):
    """What JSON lacks does not make the document unreadable."""
    emit({"a": [float("inf"), {"b": float("nan")}], "c": (1.5,)})
    assert json.loads(capsys.readouterr().out) == {"a": [None, {"b": None}], "c": [1.5]}


@pytest.mark.parametrize(
    "arguments", [("presets",), ("schema", "topology"), ("presets", "--json"), ("--help",)]
)
def test_a_reader_that_goes_away(arguments):
    """Closing the pipe is neither an error nor a traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command(*arguments), stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_that_lacks_characters():
    """Pictures come out readable in ASCII."""
    done = subprocess.run(
        command("presets"), capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"}, check=False
    )
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert b"lab-4x8" in done.stdout


def test_a_closed_stderr_does_not_hide_the_exit_code():
    """A usage error stays one when nobody listens."""
    reader, writer = os.pipe()
    os.close(reader)
    script = [sys.executable, "-m", "planner", "nothing"]
    done = subprocess.run(script, stderr=writer, stdout=subprocess.DEVNULL, check=False)
    os.close(writer)
    assert done.returncode == 2


def shell(redirections, *arguments):
    """Run a command with its streams redirected as a shell does."""
    line = f'exec "$@" {redirections}'
    return subprocess.run(
        ["sh", "-c", line, "sh", *command(*arguments)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("redirections", ["2>/dev/full", "2>&-", ">&- 2>&-"])
def test_a_broken_stderr_loses_no_placement(redirections, topology, workload, tmp_path):
    """What cannot be told is dropped; the placement is written whole."""
    path = tmp_path / "p.json"
    assert shell(redirections, "plan", topology, workload, "-o", path).returncode == 0
    assert planner("check", path).code == 0


def test_a_closed_stderr_keeps_the_exit_code():
    """A missing file is bad input, also where that cannot be said."""
    assert shell("2>&-", "check", "nosuch").returncode == 3


def test_a_closed_stdout_is_no_failure():
    """Results that nobody wants go nowhere."""
    done = shell(">&-", "presets")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [("presets",), ("--help",), ("--version",)])
def test_a_full_disk_is_told(arguments):
    """Results that cannot be written are an error with a message of one's own."""
    done = shell(">/dev/full", *arguments)
    assert done.returncode == 3
    assert "error[F004]: cannot write the results to standard output" in done.stderr


def test_results_hold_no_control_characters(capsys):
    """Whatever a name holds, nothing of it moves the cursor or rings the bell."""
    show("a\x1b]0;title\x07b\rc\nd")
    out = capsys.readouterr().out
    assert [c for c in out if not c.isprintable()] == ["\n", "\n"]
