"""What the tests of real launchers share: a placement that no sorted host list gives, and its exports."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.cli.commands import planner
from tests.real.other import PYTHON

TOPOLOGY = """\
format_version: 1
name: irregular
gpu: h100
tiers:
  - {name: node, scale_up: 450 GB/s, nics: {count: 1, bandwidth: 400 Gb/s}}
  - {name: leaf, uplink: 200 Gb/s}
  - {name: cluster}
domains:
  - {leaf: a, node: n9, gpus: 4}
  - {leaf: a, node: n2, gpus: 2}
  - {leaf: b, node: n10, gpus: 4}
  - {leaf: b, node: n1, gpus: 2}
host_name: "{node}"
down: ["a/n9/gpu1", "b/n10/gpu0", "b/n10/gpu2"]
"""
JOB = """\
format_version: 1
name: job
parallelism: {tp: 1, pp: 3, dp: 3}
traffic:
  pp: {kind: p2p, bytes: 1 GB}
  dp: {kind: all_reduce, bytes: 1 GB}
"""
EVEN = """\
format_version: 1
name: even
include: site.yaml
down: ["a/n9/gpu1", "a/n9/gpu2", "b/n10/gpu0", "b/n10/gpu2"]
"""
EVEN_JOB = JOB.replace("pp: 3, dp: 3", "pp: 4, dp: 2")
LEAVES = [["n9", "n2"], ["n10", "n1"]]
VERIFY = "python3 planner_verify.py ranks.csv"
CHECK = "python3 planner_verify.py check ranks.csv"
COMMAND = re.compile(r"```sh\n(.*?)\n```", re.DOTALL)


class Site:
    """The hosts, the placement on them, and what is installed there.

    Parameters
    ----------
    hosts
        As started.
    folder
        For everything that is written.
    """

    def __init__(self, hosts, folder):
        self.hosts, self.folder = hosts, folder
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.install("ssh", hosts.agent)
        self.placement = self.plan("site", TOPOLOGY, JOB)

    def plan(self, name, topology, job):
        """A placement of `job` on `topology`, as a file."""
        files = [self.folder / f"{name}.{kind}" for kind in ("yaml", "job.yaml", "placement.json")]
        files[0].write_text(topology)
        files[1].write_text(job)
        done = planner("plan", files[0], files[1], "-o", files[2])
        assert done.code == 0, done.err
        return files[2]

    def install(self, name, program):
        """Make `program` what `name` means on all hosts."""
        (self.programs / name).symlink_to(program)

    def export(self, to, *options, placement=None):
        """The folder that ``planner export`` writes, and the README's commands: launch, then proof."""
        target = self.folder / to
        shutil.rmtree(target, ignore_errors=True)
        told = [word for option in options for word in ("--option", option)]
        done = planner("export", placement or self.placement, "--to", to, "-o", f"{target}/", *told)
        assert done.code == 0, done.err
        return target, COMMAND.findall((target / "README.md").read_text())

    def run(self, command, folder, *, host="n9", env=(), timeout=120):
        """What a line for a shell does on `host`, in `folder`."""
        path = f"{self.programs}:{PYTHON.parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        # A pipe fails where any part of it does.
        line = f"set -o pipefail; {command}"
        return self.hosts.run(host, line, cwd=folder, env={"PATH": path, **dict(env)}, timeout=timeout)


def rows(folder):
    """Rank, host and GPU of every row of the exported table."""
    lines = (Path(folder) / "ranks.csv").read_text().splitlines()
    header = lines[0].split(",")
    parsed = [dict(zip(header, line.split(","), strict=True)) for line in lines[1:]]
    return [(int(row["rank"]), row["host"], int(row["gpu"])) for row in parsed]


def all_right(done, ranks=9):
    """Whether the proof says so of all `ranks`."""
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{ranks} ranks: {ranks} right" in done.stdout, done.stdout + done.stderr
    return True


def caught(done, *told):
    """Whether the proof failed and its table says these things."""
    assert done.returncode == 1, done.stdout + done.stderr
    for each in told:
        assert each in done.stdout, done.stdout + done.stderr
    return True
