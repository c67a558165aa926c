"""Bytes that change rail in damaged clusters, and how many of them are proven to have to.

Small clusters whose NICs are each on a rail, drawn at random (seeded): some nodes lack GPUs, some NICs and
GPUs are out of service, jobs have tensor groups, pipelines or rings and data-parallel groups that nearly fill
what is left. Each is planned within `--time-limit`, and counted by the checker's own code; for every job in
which bytes change rail there is a row. Where the planner is optimal and the checker's bound is sharp nothing
is left to avoid.

    python -m tests.benchmarks.rails
    python -m tests.benchmarks.rails --large --jobs 16
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from planner.errors import InfeasibleError
from planner.placement.rails import rail_changes
from planner.solve import solve
from planner.topology.load import load_topology
from planner.units import format_bytes
from tests.builders import grid_workload

SMALL, LARGE = (4, 17, 128), (20, 65, 512)
TOPOLOGY = """\
format_version: 1
name: damaged
gpu: h100
tiers:
  - {{name: node, scale_up: 450 GB/s, nics: {{count: {gpus}, bandwidth: 400 Gb/s}}}}
  - {{name: rack, uplink: 3.2 Tb/s}}
  - {{name: cluster}}
domains:
{nodes}
down: [{down}]
"""


def damaged(seed, size=SMALL):
    """A cluster with failures and a job that nearly fills it.

    Parameters
    ----------
    size
        Nodes from, up to but not including, and most ranks.
    """
    random = np.random.default_rng(seed)
    while True:
        gpus, cluster = _cluster(random, *size[:2])
        tp, pp = int(random.choice([1, 2, 2, 4, 4, 8])), int(random.choice([1, 2, 3, 4, 6, 8]))
        if tp > gpus:
            continue
        dp = min(int(cluster.gpu_in_service.sum()), size[2]) // (tp * pp)
        if dp < 1 or pp * dp < 2:
            continue
        if random.random() < 0.3:
            dp = max(1, dp - int(random.integers(0, 2)))
        return cluster, _job(random, tp, pp, dp)


def _cluster(random, fewest, most):
    """GPUs of a whole node, and a cluster where some nodes have fewer and some parts are out of service."""
    gpus, nodes = int(random.choice([4, 8])), int(random.integers(fewest, most))
    sizes = [gpus] * nodes
    if random.random() < 0.5:
        for at in random.choice(nodes, int(random.integers(1, max(2, nodes // 3) + 1)), replace=False):
            sizes[at] = int(random.integers(max(2, gpus // 2), gpus))
    down = []
    for _ in range(int(random.integers(1, 4))):
        node = int(random.integers(nodes))
        down.append((node, f"nic{random.integers(gpus)}"))
    for _ in range(int(random.integers(0, 3))):
        node = int(random.integers(nodes))
        down.append((node, f"gpu{random.integers(sizes[node])}"))
    racks = int(random.choice([1, 2, 4]))
    rack = [node * racks // nodes for node in range(nodes)]
    text = TOPOLOGY.format(
        gpus=gpus,
        nodes="\n".join(
            f"  - {{rack: r{rack[node]}, node: n{node:02d}, gpus: {size}}}" for node, size in enumerate(sizes)
        ),
        down=", ".join(f"r{rack[node]}/n{node:02d}/{part}" for node, part in sorted(set(down))),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.yaml"
        path.write_text(text)
        return gpus, load_topology(path)


def _job(random, tp, pp, dp):
    """A job of groups of these sizes with payloads at random."""
    families = [("tp", "all_reduce", 1000 * 2**20)] if tp > 1 else []
    if pp > 1:
        kind = str(random.choice(["path", "path", "path", "ring"]))
        families.append(("pp", kind, int(random.integers(20, 200)) * 1e6))
    if dp > 1:
        kind = str(random.choice(["all_reduce", "all_reduce", "all_gather"]))
        families.append(("dp", kind, int(random.integers(20, 800)) * 1e6))
    keep = {"tp": "node"} if random.random() < 0.4 and tp > 1 else None
    order = [("tp", "cp", "ep", "dp", "pp"), ("tp", "cp", "ep", "pp", "dp")][int(random.integers(2))]
    return grid_workload(tp=tp, dp=dp, pp=pp, order=order, families=families, keep=keep)


def count(seeds, size=SMALL, time_limit_s=10.0, **options):
    """Seed, placement, changes and seconds of the check for every job that fits its cluster."""
    for seed in seeds:
        cluster, workload = damaged(seed, size)
        try:
            placement = solve(cluster, workload, time_limit_s=time_limit_s, **options).placement
        except InfeasibleError:
            # A rule drawn with the job cannot hold on what is left of the hardware.
            continue
        start = time.perf_counter()
        yield seed, placement, rail_changes(placement), time.perf_counter() - start


def main(arguments=None):
    """Plan and count all jobs, and print a row for each whose bytes change rail."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=110)
    parser.add_argument("--large", action="store_true", help="20 to 64 nodes rather than 4 to 16")
    parser.add_argument("--time-limit", type=float, default=10.0)
    chosen = parser.parse_args(arguments)
    console = Console(width=120, highlight=False)
    table = Table(
        "job", "ranks", "nodes", "between nodes", "change rail", "must", "at most avoidable", "check s"
    )
    left, checks = 0, []
    for seed, placement, changes, seconds in count(
        range(chosen.jobs), LARGE if chosen.large else SMALL, chosen.time_limit
    ):
        checks.append(seconds)
        left += changes.avoidable_bytes > 0
        if changes.changed_bytes:
            sizes = (
                changes.crossing_bytes,
                changes.changed_bytes,
                changes.necessary_bytes,
                changes.avoidable_bytes,
            )
            ranks, nodes = placement.workload.mesh.world_size, placement.cluster.nodes
            cells = [str(seed), str(ranks), str(nodes), *map(format_bytes, sizes), f"{seconds:.2f}"]
            table.add_row(*cells)
    console.print(table)
    console.print(
        f"{len(checks)} jobs, of which {left} may avoid something; "
        f"check: median {statistics.median(checks):.2f} s, longest {max(checks):.2f} s"
    )


if __name__ == "__main__":
    main()
