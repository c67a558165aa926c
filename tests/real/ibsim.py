"""A fabric that ibsim plays, into which the real tools look."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest


class Simulator:
    """A fabric that ibsim plays, with a subnet manager's LIDs in it."""

    def __init__(self, net, folder):
        self.environment = os.environ | {"IBSIM_SOCKNAME": f"planner-{os.getpid()}-{net.name}"}
        self.log = (folder / "ibsim.log").open("w")
        self.process = subprocess.Popen(
            ["ibsim", "-s", "-n", str(net)],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            env=self.environment,
        )
        deadline = time.monotonic() + 20
        while "simulator ready" not in Path(self.log.name).read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(Path(self.log.name).read_text())
            time.sleep(0.05)
        self.folder = folder

    def run(self, *command):
        """What a program of the fabric prints."""
        done = subprocess.run(
            ["ibsim-run", *command],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def assign_lids(self):
        """Let the subnet manager sweep the fabric once."""
        self.run("opensm", "-o", "-f", str(self.folder / "opensm.log"), "--dump_files_dir", str(self.folder))

    def stop(self):
        """End the simulation."""
        self.process.terminate()
        self.process.wait(10)
        self.log.close()
