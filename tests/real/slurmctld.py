"""A controller of Slurm alone, which reads a topology and prints it; the nodes need not be there."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

SID = Path(__file__).parent / ".sid"
CONF = """\
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
AuthType=auth/none
CredType=cred/none
StateSaveLocation={seen}/state
SlurmdSpoolDir={seen}/spool
SlurmctldPidFile={seen}/pid
SlurmctldLogFile={seen}/log
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
GresTypes=gpu
{plugin}
{nodes}
PartitionName=all Nodes=ALL Default=YES
"""
# Debian's sid is entered with /proc, and with the folder of the test at /mnt; both go with the process.
ENTER = (
    'root=$1; folder=$2; shift 2; mount --rbind /proc "$root/proc" && mount --bind "$folder" "$root/mnt"'
    ' && exec chroot "$root" "$@"'
)


def require_slurmctld():
    """Skip where no controller can be started."""
    if not shutil.which("slurmctld") or os.getuid() != 0:
        pytest.skip("slurmctld is not installed, or this is not root: run tests/real/install.sh as root")


def require_sid():
    """Skip where the newer Slurm is not there or cannot be entered."""
    if not (SID / "installed").exists() or os.getuid() != 0:
        pytest.skip(
            "no newer Slurm in tests/real/.sid, or this is not root: run tests/real/install.sh as root"
        )
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespaces here, with which the newer Slurm is entered")


class Controller:
    """A running slurmctld; a context manager.

    Parameters
    ----------
    folder
        Its folder, which is made.
    nodes
        Lines of slurm.conf that describe nodes.
    topology
        Name and text of a topology file.
    plugin
        Line of slurm.conf that names the topology plugin; empty for topology.yaml.
    newer
        Whether to run the Slurm of Debian's sid.
    """

    def __init__(self, folder, nodes, topology, *, plugin="", newer=False):
        self.folder = folder
        self.enter = ["unshare", "-m", "sh", "-c", ENTER, "sh", str(SID), str(folder)] if newer else []
        seen = "/mnt" if newer else folder
        (folder / "state").mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        (folder / "slurm.conf").write_text(CONF.format(port=self.port, seen=seen, plugin=plugin, nodes=nodes))
        (folder / topology[0]).write_text(topology[1])
        self.environment = {**os.environ, "SLURM_CONF": f"{seen}/slurm.conf"}

    def __enter__(self):
        with (self.folder / "out").open("w") as out:
            self.process = subprocess.Popen(
                [*self.enter, "slurmctld", "-D"], stdout=out, stderr=out, env=self.environment
            )
        try:
            self._await()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def show(self, *what):
        """What ``scontrol show`` prints; None where it fails."""
        done = subprocess.run(
            [*self.enter, "scontrol", "show", *what],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
            env=self.environment,
        )
        return done.stdout if done.returncode == 0 else None

    def said(self):
        """What the controller said of the topology, and why it gave up."""
        told = [path.read_text() for path in (self.folder / "out", self.folder / "log") if path.exists()]
        lines = "\n".join(told).replace(str(self.folder), "").splitlines()
        return "\n".join(line for line in lines if re.search(r"topo|fatal|arse|unrecognized", line))

    def _await(self, timeout=20):
        deadline = time.monotonic() + timeout
        while not self._listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self.said() or "slurmctld does not answer")
            time.sleep(0.1)

    def _listens(self):
        """Whether the controller takes connections; scontrol itself would wait long for one that ended."""
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
