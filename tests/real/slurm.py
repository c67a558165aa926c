"""A real Slurm on the hosts of `tests.real.hosts`: one controller, one daemon a host."""

from __future__ import annotations

import os
import time

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "salloc", "sinfo")
CONF = """\
ClusterName=test
SlurmctldHost={head}({address})
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdDebug=info
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=1,bf_interval=1
PropagateResourceLimits=NONE
GresTypes=gpu
{topology}
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=10 OverSubscribe=NO
"""


class Slurm:
    """Slurm on `hosts`; a context manager, to be used inside that of the hosts.

    Parameters
    ----------
    gpus
        GPUs of each host, or of all alike, for which character devices stand in.
    topology
        Text of topology.conf; none for no topology.
    """

    def __init__(self, hosts, *, gpus=8, topology=""):
        self.hosts, self.topology = hosts, topology
        self.gpus = gpus if isinstance(gpus, dict) else dict.fromkeys(hosts.names, gpus)
        self.folder = hosts.folder / "slurm"
        self.head = hosts.names[0]

    def __enter__(self):
        for each in ("munge", "state", "gpus", *(f"spool-{name}" for name in self.hosts.names)):
            (self.folder / each).mkdir(parents=True)
        self._write()
        self._start()
        return self

    def __exit__(self, *_):
        """Nothing to do: the processes end with the hosts."""

    @property
    def env(self):
        """Variables with which Slurm's commands find this Slurm."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def run(self, arguments, *, host=None, cwd=None, env=(), timeout=60):
        """What `arguments` do on `host`, else on the first one."""
        return self.hosts.run(
            host or self.head, arguments, cwd=cwd, env={**self.env, **dict(env)}, timeout=timeout
        )

    def _write(self):
        kind = "TopologyPlugin=topology/tree" if self.topology else ""
        nodes = [
            f"NodeName={name} NodeHostname={name} NodeAddr={address} CPUs=16 Gres=gpu:{self.gpus[name]}"
            for name, address in self.hosts.address.items()
        ]
        conf = CONF.format(
            head=self.head,
            address=self.hosts.address[self.head],
            folder=self.folder,
            topology=kind,
            nodes="\n".join(nodes),
        )
        (self.folder / "slurm.conf").write_text(conf)
        devices = self.folder / "gpus" / "gpu"
        gres = [f"NodeName={name} Name=gpu File={devices}[0-{gpus - 1}]" for name, gpus in self.gpus.items()]
        (self.folder / "gres.conf").write_text("\n".join(gres) + "\n")
        (self.folder / "topology.conf").write_text(self.topology)
        for index in range(max(self.gpus.values())):
            os.mknod(f"{devices}{index}", 0o20666, os.makedev(1, 3))
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)

    def _start(self):
        munge = self.folder / "munge"
        munge.chmod(0o755)
        self._daemon(
            self.head,
            *("munged", "--foreground", f"--key-file={munge}/key", f"--socket={munge}/socket", "--force"),
            *(f"--pid-file={munge}/pid", f"--log-file={munge}/log", f"--seed-file={munge}/seed"),
        )
        self._until("munge's socket", (munge / "socket").exists)
        self._daemon(self.head, "slurmctld", "-D")
        for name in self.hosts.names:
            self._daemon(name, "slurmd", "-D", "-N", name)
        self._until("idle nodes", self._idle)

    def _daemon(self, host, program, *arguments):
        self.hosts.start(host, [program, *arguments], log=self.folder / f"{program}-{host}.out", env=self.env)

    def _idle(self):
        """Whether every node waits for work."""
        told = self.run(["sinfo", "-h", "-N", "-o", "%T"]).stdout.split()
        return told == ["idle"] * len(self.hosts.names)

    def _until(self, what, holds, timeout=30):
        deadline = time.monotonic() + timeout
        while not holds():
            if time.monotonic() > deadline:
                raise RuntimeError(f"no {what} in {timeout} s\n{self._told()}")
            time.sleep(0.1)

    def _told(self):
        """The last lines of every log."""
        logs = [*self.folder.glob("*.log"), *self.folder.glob("*.out")]
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-800:]}" for log in logs)
