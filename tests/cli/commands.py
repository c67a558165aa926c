"""Running the command line, in this process and in one of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import NamedTuple

from typer.testing import CliRunner

from planner.cli.main import app

TOPOLOGY = """\
format_version: 1
name: little
gpu: h100
tiers:
  - {name: node, nics: {count: 4, bandwidth: 400 Gb/s}}
  - {name: rack, uplink: 400 GB/s}
  - {name: cluster}
domains:
  - {rack: "r[1-2]", node: "n[1-2]", gpus: 4}
"""
WORKLOAD = """\
format_version: 1
name: small
parallelism: {tp: 2, pp: 2, dp: 4}
traffic:
  tp: {kind: all_reduce, bytes: 8 GB}
  pp: {kind: p2p, bytes: 1 GB}
  dp: {kind: all_reduce, bytes: 4 GB}
keep: {tp: node}
"""


class Outcome(NamedTuple):
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def document(self):
        """What it printed, as JSON."""
        return json.loads(self.out)


def planner(*arguments):
    """Run a command in this process."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="planner")
    return Outcome(result.exit_code, result.stdout, result.stderr)


def command(*arguments):
    """The command line of a process of its own."""
    return [sys.executable, "-m", "planner", *map(str, arguments)]


def process(*arguments, **options):
    """Run a command in a process of its own."""
    done = subprocess.run(command(*arguments), capture_output=True, text=True, check=False, **options)
    return Outcome(done.returncode, done.stdout, done.stderr)
