"""Several hosts on one machine: network namespaces on two bridges joined by a trunk, links shaped.

All of it lives in namespaces of one holding process: names, addresses, devices, processes. When that
process ends, and it ends with the one that started it, however that ends, the kernel takes all back.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

NEEDED = ("ip", "tc", "nsenter", "unshare", "setpriv", "mount")
LONGEST_S = 120


def missing(*programs):
    """Why hosts cannot be made here, or programs not be run on them; empty where they can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "network namespaces need root"
    absent = [each for each in (*NEEDED, *programs) if shutil.which(each) is None]
    if absent:
        return f"not installed: {', '.join(absent)} (see tests/real/install.sh)"
    tried = subprocess.run(["unshare", "--net", "--uts", "--pid", "--fork", "true"], check=False)
    return "" if tried.returncode == 0 else "this machine allows no namespaces"


def require(*programs):
    """A mark that skips, with the reason, where hosts or `programs` are not to be had."""
    reason = missing(*programs)
    return pytest.mark.skipif(bool(reason), reason=reason or "all there")


class Hosts:
    """Hosts by name, in leaves; a context manager.

    Parameters
    ----------
    leaves
        Names of the hosts on each bridge. The bridges are joined in a chain.
    link, trunk
        Rates of a host's link and of the links between bridges, as tc writes them; empty for no limit.
    """

    def __init__(self, leaves, *, link="", trunk=""):
        self.leaves = [list(leaf) for leaf in leaves]
        self.link, self.trunk = link, trunk
        self.names = [name for leaf in self.leaves for name in leaf]
        self.address = {name: f"10.213.0.{index + 1}" for index, name in enumerate(self.names)}
        self.folder = Path(tempfile.mkdtemp(prefix="hosts-"))
        self._holder = None
        self._inside = 0
        self._started = []

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self._holder:
            self._holder.kill()
            self._holder.wait(LONGEST_S)
            self._holder.stdout.close()
        for process in self._started:
            process.wait(LONGEST_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self, host, arguments, *, cwd=None, env=()):
        """`arguments` as a command that runs on `host`."""
        names = f"--net=/run/netns/{host}", f"--uts=/run/uts/{host}"
        variables = [f"{name}={value}" for name, value in dict(env).items()]
        return [
            *("nsenter", f"--target={self._inside}", "--mount", "--pid", "--"),
            *("nsenter", *names, "--", "env", "-i", "-C", cwd or self.folder),
            *(*self._variables(), *variables, *arguments),
        ]

    def run(self, host, arguments, *, cwd=None, env=(), timeout=LONGEST_S):
        """What `arguments`, a list or a line for a shell, do on `host`; all of it ends at `timeout`."""
        words = ["bash", "-c", arguments] if isinstance(arguments, str) else arguments
        line = self.command(host, words, cwd=cwd, env=env)
        pipe = subprocess.PIPE
        with subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                # What it has started would keep its ports from whatever runs next.
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(line, process.returncode, out, err)

    def start(self, host, arguments, *, log, cwd=None, env=()):
        """A process on `host` that writes to the file `log` and ends with the hosts at the latest."""
        with Path(log).open("w") as output:
            process = subprocess.Popen(
                self.command(host, arguments, cwd=cwd, env=env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)
        return process

    @property
    def agent(self):
        """A script that runs a command on a host, as ``ssh host command`` would."""
        return self.folder / "agent"

    def _variables(self):
        """The environment that a person has who logs in to a host."""
        path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        return f"PATH={path}", "HOME=/root", "LC_ALL=C.UTF-8"

    def _start(self):
        lines = [f"{address} {name}" for name, address in self.address.items()]
        (self.folder / "hosts").write_text("127.0.0.1 localhost\n" + "\n".join(lines) + "\n")
        (self.folder / "resolv.conf").touch()
        # Open MPI's agent gets the command as one word or several, to be read by a shell, as ssh's.
        self.agent.write_text(
            '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nhost=$1; shift\n'
            'exec nsenter --net=/run/netns/"$host" --uts=/run/uts/"$host" -- sh -c "$*"\n'
        )
        self.agent.chmod(0o755)
        (self.folder / "set-up").write_text("set -e\n" + "\n".join(self._set_up()) + "\n")
        self._holder = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--fork"),
                *("--kill-child", "--mount-proc", "sh", self.folder / "set-up"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        told = self._holder.stdout.readline()
        if told != "ready\n":
            raise RuntimeError(f"hosts could not be made: {told}{self._holder.stdout.read()}")
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text()
        self._inside = int(children.split()[0])

    def _set_up(self):
        """Lines of the shell script that makes everything, and then holds it."""
        yield f"mount --bind {self.folder}/hosts /etc/hosts"
        yield f"mount --bind {self.folder}/resolv.conf /etc/resolv.conf"
        yield "mount -t tmpfs run /run; mkdir /run/netns /run/uts; ip link set lo up"
        for index, leaf in enumerate(self.leaves):
            yield f"ip link add leaf{index} type bridge; ip link set leaf{index} up"
            for name in leaf:
                yield from self._host(name, index)
        for index in range(1, len(self.leaves)):
            up, down = f"up{index}", f"down{index}"
            yield f"ip link add {up} type veth peer name {down}"
            yield f"ip link set {up} master leaf{index - 1} up; ip link set {down} master leaf{index} up"
            yield from (_shaped(f"dev {each}", self.trunk) for each in (up, down))
        yield "echo ready"
        yield "exec sleep infinity"

    def _host(self, name, leaf):
        quoted = shlex.quote(name)
        port = f"port{self.names.index(name)}"
        yield f"ip netns add {quoted}; touch /run/uts/{quoted}"
        yield f"unshare --uts=/run/uts/{quoted} hostname {quoted}"
        yield f"ip link add {port} type veth peer name eth0 netns {quoted}"
        yield f"ip link set {port} master leaf{leaf} up"
        yield f"ip -n {quoted} address add {self.address[name]}/24 dev eth0"
        yield f"ip -n {quoted} link set eth0 up; ip -n {quoted} link set lo up"
        yield _shaped(f"dev {port}", self.link)
        yield _shaped("dev eth0", self.link, f"-n {quoted}")


def _shaped(device, rate, options=""):
    """The command that limits what leaves by `device`."""
    return f"tc {options} qdisc add {device} root tbf rate {rate} burst 64kb latency 100ms" if rate else ""
