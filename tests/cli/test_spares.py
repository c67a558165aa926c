"""`planner spares`."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

from tests.cli.commands import planner

QUICK = ("--windows", "20", "--for", "5d")


def test_spares():
    """Policies and the best of them; the same seed gives the same."""
    one, two = (planner("spares", "lab-4x8", "llama-8b-32", *QUICK, "--mtbf", "gpu=300d") for _ in range(2))
    assert one.code == 0
    assert one.out == two.out
    assert "goodput" in one.out
    assert one.err == ""


def test_json():
    """Options are heeded."""
    options = ("--mtbf", "gpu=100d", "--mtbf", "rack=9d", "--repair", "node=1h", "--seed", "3")
    more = ("--probability", "0.5", "--checkpoint", "1s", "--restart", "30s", "--json")
    document = planner("spares", "lab-4x8", "llama-8b-32", *QUICK, *options, *more).document
    kinds = {each["kind"]: each for each in document["failures"]}
    assert (kinds["gpu"]["mtbf_s"], kinds["rack"]["mtbf_s"]) == (8_640_000, 777_600)
    assert kinds["node"]["repair_s"] == 3600
    assert (document["for_s"], document["probability"], document["seed"]) == (432_000, 0.5, 3)
    assert (document["checkpoint_s"], document["restart_s"]) == (1, 30)
    assert document["simulated_days"] == pytest.approx(100)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--mtbf", "gpu"),
        ("--mtbf", "gpus=3d"),
        ("--mtbf", "gpu=3"),
        ("--repair", "gpu=0s"),
        ("--for", "soon"),
    ],
)
def test_mistakes(option, value):
    """Usage errors that say what is expected."""
    outcome = planner("spares", "lab-4x8", "llama-8b-32", option, value)
    assert outcome.code == 2
    assert "error[U001]" in outcome.err


@pytest.mark.parametrize(("value", "expected"), [("2", "a number of at most 1"), ("x", "a number")])
def test_how_surely(value, expected):
    """It need not be whole."""
    outcome = planner("spares", "lab-4x8", "llama-8b-32", "--probability", value)
    assert outcome.code == 2
    assert f"expected: {expected}\n" in outcome.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_simulation(number):
    """A real process says so and ends with the documented code, without half a document."""
    script = f"""
        import os, sys
        import planner.repair.outage_kernel as room
        real = room.advance
        windows = []
        def interrupted(*arguments):
            windows.append(arguments)
            if len(windows) == 3:
                os.kill(os.getpid(), {int(number)})
            return real(*arguments)
        room.advance = interrupted
        sys.argv = {["planner", "spares", "lab-4x8", "llama-8b-32", *QUICK, "--json"]!r}
        from planner.cli.entry import run
        run()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "interrupted\n"
