"""Signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from planner.cli.interrupt import Interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_asks_the_work_to_stop(number, capsys):
    """The work sees the event and its result is kept."""

    def work():
        os.kill(os.getpid(), number)
        assert interrupt.stop.wait(10)
        return "incumbent"

    with Interrupt() as interrupt:
        assert interrupt.run(work) == "incumbent"
    assert "keeping the best placement" in capsys.readouterr().err


def test_failures_of_the_work_are_raised():
    """What goes wrong in the thread goes wrong for the caller."""

    def work():
        raise ValueError("inside")

    with Interrupt() as interrupt, pytest.raises(ValueError, match="inside"):
        interrupt.run(work)


def test_handlers_are_put_back():
    """Afterwards Ctrl-C means what it meant before."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Interrupt():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_the_work_has_a_thread_of_its_own():
    """So that native code does not keep the main thread from handling signals."""
    with Interrupt() as interrupt:
        assert interrupt.run(threading.current_thread) is not threading.main_thread()


def test_a_second_signal_ends_at_once():
    """Work that does not listen cannot hold the process."""
    script = (
        "import os, signal, time\n"
        "from planner.cli.interrupt import Interrupt\n"
        "def work():\n"
        "    for _ in range(2):\n"
        "        os.kill(os.getpid(), signal.SIGINT); time.sleep(0.2)\n"
        "    time.sleep(600)\n"
        "with Interrupt() as interrupt: interrupt.run(work)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 130
    assert "interrupted again" in done.stderr
