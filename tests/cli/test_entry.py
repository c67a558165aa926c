"""The start of the command, in real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def run(script):
    """A process that starts the command as `script` arranges."""
    return run_python("-c", textwrap.dedent(script))


def run_python(*words, folder=None):
    """A process of Python that has ended."""
    return subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_during_the_imports(number):
    """It ends the process with the documented code and one line, whatever is being imported."""
    done = run(f"""
        import os, sys
        class Interrupting:
            def find_spec(self, name, path=None, target=None):
                if name == "planner.cli.main":
                    os.kill(os.getpid(), {int(number)})
        sys.meta_path.insert(0, Interrupting())
        from planner.cli.entry import run
        run()
    """)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "interrupted before anything was done; nothing written\n"


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_in_made_code(number, tmp_path):
    """Python makes data classes by running text; a signal then ends a module with the code all the same."""
    script = f"""
        import os, sys
        import planner.report.presets as room
        def interrupted():
            exec("os.kill(os.getpid(), {int(number)})")
        room.presets_document = room.presets_view = interrupted
        sys.argv = ["planner", "presets"]
        from planner.cli.entry import run
        run()
    """
    (tmp_path / "started.py").write_text(textwrap.dedent(script))
    done = run_python("-m", "started", folder=tmp_path)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "interrupted\n"


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_outside_of_a_search(number):
    """It unwinds the command, which says so and ends with the documented code."""
    done = run(f"""
        import os, sys
        import planner.report.presets as room
        def interrupted():
            os.kill(os.getpid(), {int(number)})
        room.presets_document = room.presets_view = interrupted
        sys.argv = ["planner", "presets"]
        from planner.cli.entry import run
        run()
    """)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "interrupted\n"


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_the_commands_are_put_together(number):
    """Before any command is there to heed it: the same, and no traceback."""
    done = run(f"""
        import os, sys
        import typer.main
        def interrupted(*_):
            os.kill(os.getpid(), {int(number)})
        import planner.cli.main
        typer.main.get_command = interrupted
        from planner.cli.entry import run
        run()
    """)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "interrupted\n"


def test_ignored_signals_stay_ignored():
    """A process started to ignore Ctrl-C goes on."""
    done = run("""
        import signal
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        import sys
        sys.argv = ["planner", "--version"]
        from planner.cli.entry import run
        try:
            run()
        finally:
            print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)
    """)
    assert done.stdout.endswith("True\n")


def test_nothing_is_collected_at_the_end():
    """What is in memory when a command ends is left to the system, not searched for cycles."""
    done = run("""
        import atexit, gc, sys
        atexit.register(lambda: print("frozen", gc.get_freeze_count() > 0))
        from planner.cli.entry import run
        sys.argv = ["planner", "--version"]
        run()
    """)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "frozen True"
