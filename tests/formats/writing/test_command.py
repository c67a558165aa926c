"""The command of a rank as words for a launcher."""

from __future__ import annotations

import subprocess

import pytest

from planner.formats.writing.command import as_words

LAUNCH = """
launched() { RANK=3 "$@"; }
set -euo pipefail
set -- %s
launched "$@"
"""


def run(command, more=""):
    """What a rank prints that runs the command, started as the exported scripts start it."""
    done = subprocess.run(
        ["bash", "-c", LAUNCH % as_words(command, more)], text=True, capture_output=True, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "command", ["python train.py --lr 1e-4", "echo 'a;b $x'", 'echo "a && b"', r"echo a\;b", "echo a#b"]
)
def test_plain_words_stay(command):
    """A program and its arguments, quoted or not."""
    assert as_words(command) == command


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        ("cd / && pwd", "/\n"),
        ("echo one; echo two", "one\ntwo\n"),
        ("LEVEL=1 printenv LEVEL RANK", "1\n3\n"),
        ("echo rank $RANK", "rank 3\n"),
        ('echo "it\'s $RANK"', "it's 3\n"),
        ("echo `printenv RANK`", "3\n"),
        ("echo b a | tr ' ' -", "b-a\n"),
        ("echo kept # and this not", "kept\n"),
    ],
)
def test_what_needs_a_shell_gets_one_on_the_rank(command, printed):
    """The launching shell runs and expands nothing of it."""
    assert run(command) == printed


@pytest.mark.parametrize(("command", "printed"), [("echo a", "a x y\n"), ("cd / && echo a", "a x y\n")])
def test_more_words(command, printed):
    """Go to the end of the command, whatever runs it."""
    assert run(command, "$(echo x y)") == printed
