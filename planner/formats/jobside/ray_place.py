#!/usr/bin/env python3
"""Start the ranks on a running Ray cluster, each as an actor on the host and GPU that the plan has for it.

    ray_place.py [--port PORT] [--timeout SECONDS] -- COMMAND...

    import ray_place

    seats = ray_place.seats()        # actors in the order of the ranks, in a driver of one's own
    ray.get([seat.call.remote(function, environment) for seat, environment in seats])

A host is the node of Ray with the label ``planner-host``, the custom resource ``host:NAME`` or the
host name of that name. Every GPU of the hosts is reserved in a placement group with a bundle a GPU,
because Ray chooses itself which GPU of a node an actor gets; actors whose GPU holds no rank end at
once. It goes with the exported files, and imports nothing of the planner.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import ray
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE = Path(__file__).resolve().with_name("ranks.csv")
HOST_LABEL = "planner-host"
HOST_RESOURCE = "host:"
NODE_ID = "ray.io/node-id"


class Seat:
    """A GPU of a host."""

    def gpu(self) -> str:
        """Its number on the host, as Ray says it."""
        return str(ray.get_gpu_ids()[0])

    def run(self, command: list[str], environment: dict[str, str], folder: str) -> int:
        """Run a program and return its exit code."""
        return subprocess.run(command, env={**os.environ, **environment}, cwd=folder, check=False).returncode

    def call(self, function: Callable[[], Any], environment: dict[str, str]) -> Any:
        """Call a function in the rank's environment."""
        os.environ.update(environment)
        return function()


ACTOR: Any = ray.remote(num_cpus=0, num_gpus=1)(Seat)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Start the ranks where the plan has them.")
    parser.add_argument("--port", default="29500", help="where the ranks first meet, on the host of rank 0")
    parser.add_argument("--timeout", type=float, default=600, help="seconds to wait for the hosts' GPUs")
    parser.add_argument("command", nargs="+", help="what every rank runs")
    options = parser.parse_args()
    # Ray would hide a line that another rank has printed before.
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    ray.init(address=os.environ.get("RAY_ADDRESS", "auto"), log_to_driver=True)
    found = seats(port=options.port, timeout_s=options.timeout)
    running = [seat.run.remote(options.command, own, str(Path.cwd())) for seat, own in found]
    return first_failure(running)


def first_failure(running: list[Any]) -> int:
    """Exit code of the first rank that fails, without waiting for the others; 0 where none does."""
    while running:
        (done,), running = ray.wait(running, num_returns=1)
        code: int = ray.get(done)
        if code:
            return code if code > 0 else 128 - code
    return 0


def seats(*, port: str = "29500", timeout_s: float = 600) -> list[tuple[Any, dict[str, str]]]:
    """An actor for each rank, in their order, with the rank's environment."""
    rows = read_table()
    nodes = nodes_of([host for host, _ in rows])
    by_place = actors_on(nodes, timeout_s)
    missing = [f"GPU {gpu} of {host}" for host, gpu in rows if (host, gpu) not in by_place]
    if missing:
        there = ", ".join(sorted({gpu for _, gpu in by_place}))
        fail(f"Ray does not have {', '.join(missing[:5])}; it has {there} on the hosts")
    held = set(rows)
    for place, actor in by_place.items():
        if place not in held:
            ray.kill(actor)
    address = nodes[rows[0][0]]["NodeManagerAddress"]
    return [
        (by_place[row], {"MASTER_ADDR": address, "MASTER_PORT": port, **own})
        for row, own in zip(rows, environments(rows), strict=True)
    ]


def actors_on(nodes: dict[str, Any], timeout_s: float) -> dict[tuple[str, str], Any]:
    """An actor on every GPU of the nodes, by host and GPU: Ray itself chooses which GPU each gets."""
    bundles = [(host, node) for host, node in nodes.items() for _ in range(int(node["Resources"]["GPU"]))]
    group = placement_group(
        [{"GPU": 1} for _ in bundles],
        bundle_label_selector=[{NODE_ID: node["NodeID"]} for _, node in bundles],
    )
    if not group.wait(timeout_s):
        fail(f"not all GPUs of {', '.join(nodes)} became free in {timeout_s:g} s")
    actors = [
        ACTOR.options(
            scheduling_strategy=PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=index)
        ).remote()
        for index in range(len(bundles))
    ]
    gpus = ray.get([actor.gpu.remote() for actor in actors])
    return {(host, gpu): actor for (host, _), gpu, actor in zip(bundles, gpus, actors, strict=True)}


def environments(rows: list[tuple[str, str]]) -> list[dict[str, str]]:
    """RANK and all that goes with it, of each rank; LOCAL_RANK is an index into CUDA_VISIBLE_DEVICES."""
    by_host: dict[str, list[int]] = {}
    for rank, (host, _) in enumerate(rows):
        by_host.setdefault(host, []).append(rank)
    found = []
    for rank, (host, _) in enumerate(rows):
        own = by_host[host]
        found.append(
            {
                "RANK": str(rank),
                "WORLD_SIZE": str(len(rows)),
                "LOCAL_RANK": str(own.index(rank)),
                "LOCAL_WORLD_SIZE": str(len(own)),
                "CUDA_VISIBLE_DEVICES": ",".join(rows[each][1] for each in own),
                "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
            }
        )
    return found


def nodes_of(hosts: list[str]) -> dict[str, Any]:
    """The node of Ray that each host is."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    found = {}
    for host in dict.fromkeys(hosts):
        own = [node for node in alive if is_host(node, host)]
        if len(own) != 1:
            names = ", ".join(sorted({node["NodeManagerHostname"] for node in alive})[:5])
            fail(f"{len(own) or 'no'} nodes of Ray are host {host}; its nodes' host names are {names}")
        found[host] = own[0]
    return found


def is_host(node: dict[str, Any], host: str) -> bool:
    """Whether a node is the host: what was told of it decides, else its own name, with a domain or not."""
    told = {name[len(HOST_RESOURCE) :] for name in node["Resources"] if name.startswith(HOST_RESOURCE)}
    told |= {value for key, value in node.get("Labels", {}).items() if key == HOST_LABEL}
    if told:
        return host in told
    own = node["NodeManagerHostname"]
    is_short = "." not in own or "." not in host
    return bool(own == host or (is_short and own.partition(".")[0] == host.partition(".")[0]))


def read_table() -> list[tuple[str, str]]:
    """Host and GPU of every rank."""
    with TABLE.open(newline="") as file:
        return [(row["host"], row["gpu"]) for row in csv.DictReader(file)]


def fail(message: str) -> NoReturn:
    """Say what is wrong and stop."""
    sys.exit(f"ray_place.py: {message}")


if __name__ == "__main__":
    sys.exit(main())
