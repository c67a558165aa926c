"""Slurm's scontrol, which expands and writes host lists without a running cluster."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

MARK = "=next="
CONF = "ClusterName=test\nSlurmctldHost=localhost\nNodeName=n1\nPartitionName=p Nodes=n1\n"


def require_scontrol():
    """Skip where Slurm is not installed."""
    if not shutil.which("scontrol"):
        pytest.skip("scontrol is not installed: run tests/real/install.sh as root on Debian")


def show(what, expressions, folder):
    """The lines that ``scontrol show WHAT EXPRESSION`` prints for each expression; one run for all."""
    conf = folder / "slurm.conf"
    conf.write_text(CONF)
    commands = "".join(f"show {what} {text}\nshow hostnames {MARK}\n" for text in expressions)
    done = subprocess.run(
        ["scontrol"],
        input=commands,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "SLURM_CONF": str(conf)},
    )
    # scontrol echoes its prompt and each command, and where that is wider than a terminal again.
    lines = [line for line in done.stdout.splitlines() if not re.match(r"scontrol: |\x1b|\r", line)]
    answers = "\n".join(lines).split(MARK)
    assert len(answers) == len(expressions) + 1, "scontrol left some unanswered"
    return [answer.split() for answer in answers[:-1]]
