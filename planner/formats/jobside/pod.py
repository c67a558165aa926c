#!/usr/bin/env python3
"""Start the ranks that the plan has on this node, in a pod of Kubernetes.

    pod.py COMMAND...

NODE_NAME is the node that the pod runs on (the downward API's spec.nodeName); the ranks of the node
stand in the file ``nodes`` or ``nodes.gz`` beside this one, unless PLANNER_RANKS or
PLANNER_RANKS_EACH say them. Every rank gets RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE,
MASTER_ADDR, MASTER_PORT and CUDA_VISIBLE_DEVICES, the job's GPUs of this pod so that LOCAL_RANK is an
index into them. The first rank that fails ends the others, and its exit code is the pod's.

It imports nothing of the planner, and runs under any Python from 3.9 on.
"""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Start the ranks and wait for them."""
    ranks, devices = seats(os.environ)
    require_devices(os.environ)
    running = {}
    for local, rank in enumerate(ranks):
        own = {
            "RANK": str(rank),
            "LOCAL_RANK": str(local),
            "LOCAL_WORLD_SIZE": str(len(ranks)),
            "CUDA_VISIBLE_DEVICES": ",".join(map(str, devices)),
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        }
        process = subprocess.Popen(sys.argv[1:], env={**os.environ, **own}, start_new_session=True)
        running[process.pid] = process
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, lambda number, _: end(list(running), number))
    return wait(running)


def seats(environ: os._Environ[str] | dict[str, str]) -> tuple[list[int], list[int]]:
    """Ranks of this pod in the order of their local ranks, and for each its device."""
    if "PLANNER_RANKS_EACH" in environ:
        each, index = int(environ["PLANNER_RANKS_EACH"]), int(environ["JOB_COMPLETION_INDEX"])
        ranks = list(range(index * each, (index + 1) * each))
        return ranks, numbers(environ["PLANNER_DEVICES"])
    if "PLANNER_RANKS" in environ:
        return numbers(environ["PLANNER_RANKS"]), numbers(environ["PLANNER_DEVICES"])
    node = environ.get("NODE_NAME") or fail("NODE_NAME is not set; the pod needs it from spec.nodeName")
    for line in table().splitlines():
        name, ranks_text, devices_text = line.split(" ")
        if name == node:
            return numbers(ranks_text), numbers(devices_text)
    return fail(f"the plan has no rank on node {node}")


def table() -> str:
    """The ranks of every node: its name, ranks and devices a line."""
    packed = HERE / "nodes.gz"
    return gzip.decompress(packed.read_bytes()).decode() if packed.exists() else (HERE / "nodes").read_text()


def numbers(text: str) -> list[int]:
    """Numbers of a list such as ``0-3,7``, in its order."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def require_devices(environ: os._Environ[str] | dict[str, str], folder: str = "/dev") -> None:
    """Refuse a pod that sees another number of GPUs than was planned: their numbers would mean others."""
    seen = [each for each in Path(folder).glob("nvidia*") if each.name[len("nvidia") :].isdigit()]
    if seen and len(seen) != int(environ.get("PLANNER_GPUS", len(seen))):
        fail(f"{len(seen)} GPUs are here, the plan counts on {environ['PLANNER_GPUS']}")


def wait(running: dict[int, subprocess.Popen[bytes]]) -> int:
    """Exit code of the first rank that fails, after the others have ended; 0 where none does."""
    code = 0
    while running:
        pid, status = os.wait()
        # As the pod's first process this one also inherits those whose parents are gone.
        if running.pop(pid, None) is None:
            continue
        ended = os.waitstatus_to_exitcode(status)
        if ended and not code:
            code = ended if ended > 0 else 128 - ended
            end(list(running), signal.SIGTERM)
    return code


def end(pids: list[int], number: int) -> None:
    """Send a signal to ranks and all that they started."""
    for pid in pids:
        try:
            os.killpg(pid, number)
        except ProcessLookupError:
            continue


def fail(message: str) -> NoReturn:
    """Say what is wrong and stop."""
    sys.stderr.write(f"pod.py: {message}\n")
    sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())
