"""Running peers on an instance, and measuring what they answer as the planner is measured."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.crossing import measure
from planner.placement.orders import axis_orders, default_orders
from tests.benchmarks.peers.job import Job, Task
from tests.benchmarks.peers.registry import PEERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.placement.crossing import Measure
    from planner.topology.cluster import Cluster
    from tests.benchmarks.instances import Instance
    from tests.benchmarks.peers.registry import Peer

    IntArray = NDArray[np.int64]

REPOSITORY = Path(__file__).parents[3]
FINEST_COST = 16
MOST_LATE = 2
LATE = "over "
COLOURS = re.compile("\x1b\\[[0-9;]*m")
ORDERS = ("default orders", "axis orders")


@dataclass(frozen=True)
class Outcome:
    """One run of one peer.

    Parameters
    ----------
    peer, setting, seed
        What was run.
    value
        The objective ``weighted`` of its placement, in seconds; None where it gave none.
    seconds
        Time the tool took for this run alone; where it failed, of all runs of the setting.
    reported
        Cost in the tool's own count, where it says.
    modelled
        Cost of the placement by the costs that the tool was given, counted by the planner: what the
        tool should have reported if no cell was moved afterwards.
    moved
        Cells moved out of overfilled nodes.
    note
        Why there is no value.
    """

    peer: str
    setting: str
    seed: int
    value: float | None
    seconds: float
    reported: int | None = None
    modelled: float | None = None
    moved: int = 0
    note: str = ""


def job_of(instance: Instance) -> Job:
    """The instance as peers are told it: nodes with a GPU in service, tiers with an uplink."""
    cluster, mesh = instance.cluster, instance.workload.mesh
    ranks = np.arange(instance.cells)
    stage, replica = (mesh.coordinate(axis, ranks).astype(np.int64) for axis in ("pp", "dp"))
    last = stage == mesh.pp - 1
    next_stage = np.where(last, 0, stage + 1)
    after = mesh.rank({"tp": 0, "cp": 0, "dp": replica, "pp": next_stage}).astype(np.int64)
    if not instance.family.ring:
        after[last] = -1
    shared, passed = instance.payload
    nodes = nodes_of(cluster)
    room = np.bincount(cluster.gpu_node[cluster.gpu_in_service], minlength=cluster.nodes)[nodes]
    domains = [nodes]
    for tier in cluster.tiers[:-2]:
        domains.append(tier.parent[domains[-1]])
    domain = np.stack([np.unique(each, return_inverse=True)[1] for each in domains])
    seconds = 1 / np.asarray(cluster.tier_uplink_bytes_per_s[:-1], float)
    cost = np.rint(FINEST_COST * seconds / seconds.min()).astype(np.int64)
    if len(cost) == 1:
        cost[:] = 1
    return Job(Task(stage, replica, after, 2 * shared, passed, room.astype(np.int64)), domain, cost)


def nodes_of(cluster: Cluster) -> IntArray:
    """Nodes that have a GPU in service; a job's node i is entry i."""
    return np.unique(cluster.gpu_node[cluster.gpu_in_service]).astype(np.int64)


def measured(instance: Instance, node_of_cell: Sequence[int]) -> Measure:
    """Traffic of a placement by the job's nodes; raises ValueError where it is no placement."""
    cluster = instance.cluster
    gpus = np.flatnonzero(cluster.gpu_in_service)
    node = nodes_of(cluster)[np.asarray(node_of_cell)]
    if len(node) != instance.cells:
        raise ValueError(f"{len(node)} places for {instance.cells} cells")
    order = np.argsort(node, kind="stable")
    starts = np.searchsorted(cluster.gpu_node[gpus], node[order])
    slot = starts + np.arange(len(order)) - np.searchsorted(node[order], node[order])
    if slot.max() >= len(gpus) or (cluster.gpu_node[gpus[slot]] != node[order]).any():
        raise ValueError("a node holds more cells than it has GPUs in service")
    gpu_of_rank = np.empty(instance.cells, np.int32)
    gpu_of_rank[order] = gpus[slot]
    return measure(cluster, instance.workload, gpu_of_rank)


def run_peers(
    instance: Instance, folder: Path, *, seeds: int = 3, limit_s: float = 60.0, peers: Sequence[Peer] = PEERS
) -> Iterator[Outcome]:
    """All peers that are installed and fit, in all their settings, and the orders."""
    yield from orders(instance)
    job, file = job_of(instance), folder / "job.npz"
    job.save(file)
    for peer in peers:
        if peer.missing:
            yield Outcome(peer.name, "", 0, None, 0.0, note=f"not installed: {peer.missing}")
        elif peer.unfit(job):
            yield Outcome(peer.name, "", 0, None, 0.0, note=f"not applicable: {peer.unfit(job)}")
        else:
            yield from run_settings(instance, job, file, peer, seeds, limit_s)


def run_settings(
    instance: Instance, job: Job, file: Path, peer: Peer, seeds: int, limit_s: float
) -> Iterator[Outcome]:
    """One peer in its settings; those after two that ran over the limit are not tried."""
    late = 0
    for setting in peer.settings(job):
        if late == MOST_LATE:
            yield Outcome(peer.name, setting, 0, None, 0.0, note="not tried: others ran over the limit")
            continue
        for outcome in run_peer(instance, job, file, peer, setting, seeds, limit_s):
            late += outcome.note.startswith(LATE)
            yield outcome


def run_peer(
    instance: Instance, job: Job, file: Path, peer: Peer, setting: str, seeds: int, limit_s: float
) -> Iterator[Outcome]:
    """One peer in one setting, all seeds in one process; what it prints before it fails counts."""
    module = f"tests.benchmarks.peers.{peer.adapter}"
    wanted = [str(seed) for seed in range(seeds if peer.seeded else 1)]
    command = [peer.python, "-m", module, file, "--setting", setting, "--limit", str(limit_s)]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--seeds", *wanted],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        start_new_session=True,
    )
    try:
        printed, complaints = process.communicate()
    finally:
        with suppress(ProcessLookupError):
            # A tool that the adapter started outlives an adapter that ran out of time.
            os.killpg(process.pid, signal.SIGKILL)
    answers = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    for answer in answers:
        found = measured(instance, answer["node"])
        yield Outcome(
            peer.name,
            setting,
            answer["seed"],
            found.weighted_s,
            answer["seconds"],
            reported=answer["reported"],
            modelled=float(job.cost @ found.tier_bytes[:-1]),
            moved=answer["moved"],
        )
    if process.returncode:
        note, seconds = _why(process.returncode, complaints, limit_s), time.perf_counter() - start
        yield Outcome(peer.name, setting, len({a["seed"] for a in answers}), None, seconds, note=note)


def _why(returncode: int, complaints: str, limit_s: float) -> str:
    """What ended a process."""
    if returncode == -signal.SIGALRM:
        return f"{LATE}{limit_s:g} s"
    last = COLOURS.sub("", complaints).strip().splitlines()[-1:] or [f"exit status {returncode}"]
    return f"failed: {last[0]}"


def orders(instance: Instance) -> Iterator[Outcome]:
    """Every framework's default order, and all permutations of the axes."""
    job = instance.cluster, instance.workload, instance.cluster.gpu_in_service
    start = time.perf_counter()
    found = chain(
        ((ORDERS[0], order) for order in default_orders(*job)),
        ((ORDERS[1], order) for order in axis_orders(*job)),
    )
    for name, order in found:
        seconds = time.perf_counter() - start
        if order.gpu_of_rank is None:
            yield Outcome(name, order.name, 0, None, seconds, note=f"not applicable: {order.reason}")
        else:
            value = measure(instance.cluster, instance.workload, order.gpu_of_rank).weighted_s
            yield Outcome(name, order.name, 0, value, seconds)
        start = time.perf_counter()
