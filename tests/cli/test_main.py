"""The command as a whole: help, version, what it imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

import planner as package
from tests.cli.commands import planner, process

HEAVY = ("numpy", "networkx", "ortools", "pydantic", "rich", "ruamel", "pandas")
COMMANDS = ("plan", "check", "compare", "explain", "diff", "export", "presets", "schema", "topology")


def test_help_lists_every_command():
    """Nothing is missing, and exit codes are told."""
    outcome = planner("--help")
    assert outcome.code == 0
    assert all(f"  {name} " in outcome.out for name in COMMANDS)
    assert "4 proven infeasible" in " ".join(outcome.out.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name):
    """Each says what it does."""
    outcome = planner(name, "--help")
    assert outcome.code == 0
    assert f"Usage: planner {name}" in outcome.out


def test_help_imports_nothing_heavy():
    """Help answers at once because none of the heavy packages is loaded for it."""
    script = (
        "import sys\n"
        "from planner.cli.main import app\n"
        "try: app(['--help'], prog_name='planner')\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_run_imports_no_other_command():
    """What it takes to put all commands together is spared."""
    script = (
        "import sys\n"
        "from planner.cli.main import app\n"
        "try: app(['presets'], prog_name='planner')\n"
        "except SystemExit: pass\n"
        "found = {name.removeprefix('planner.cli.') for name in sys.modules}\n"
        "print(*sorted(found & {'presets', 'plan', 'spares', 'topologies'}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "presets"


def test_version():
    """The version is that of the package."""
    outcome = planner("--version")
    assert (outcome.code, outcome.out) == (0, f"planner {package.__version__}\n")


def test_no_command_is_a_usage_error():
    """Without a command the help goes to stderr."""
    outcome = process()
    assert (outcome.code, outcome.out) == (2, "")
    assert "Usage: planner" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan",), "missing argument 'TOPOLOGY'"),
        (("plna",), "no such command 'plna'"),
        (("topology",), "missing command"),
        (("plan", "a", "b", "-o", "c", "--sed", "3"), "no such option: --sed"),
        (("plan", "a", "b", "-o", "c", "--objective", "best"), "--objective"),
        (("plan", "a", "b", "-o", "c", "--workers", "0"), "--workers"),
        (("plan", "a", "b", "-o", "c", "--time-limit", "10"), "10 has no unit"),
        (("plan", "a", "b", "-o", "c", "--time-limit", "soon"), "not a quantity"),
        (("plan", "a", "b", "-o", "c", "--time-limit", "0s"), "no time to plan in"),
        (("schema", "nothing"), "nothing"),
    ],
)
def test_usage_errors(arguments, said):
    """A mistake on the command line has the code U001 and ends with 2."""
    outcome = planner(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("error[U001]: ")
    assert said in outcome.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell):
    """Each shell gets a script that calls us back."""
    outcome = process("--show-completion", shell)
    assert outcome.code == 0
    assert "_PLANNER_COMPLETE" in outcome.out


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("--seed=-1", "a whole number of at least 0"),
        ("--seed=1.5", "a whole number"),
        ("--workers=1025", "a whole number of at most 1024"),
    ],
)
def test_what_an_option_may_be(option, expected):
    """A value that cannot be is met with those that can."""
    outcome = planner("plan", "lab-4x8", "llama-8b-32", "-o", "x.json", option)
    assert outcome.code == 2
    assert f"expected: {expected}\n" in outcome.err
