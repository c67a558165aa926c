"""JAX's processes and mesh as they were planned.

    import jax_mesh

    jax_mesh.initialize()         # first of all, in every process
    mesh = jax_mesh.build()       # a jax.sharding.Mesh with the planned axes
    experts = jax_mesh.build_expert()  # where the job has experts: pp, edp, ep, tp

It goes with the exported files: ``jax.json`` has the degrees and the order of ranks, ``ranks.csv``
the host and GPU of each. ``launch.sh`` sets what says which process this is.
"""

from __future__ import annotations

import csv
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

_HERE = Path(__file__).resolve().parent
_PLAN: dict[str, Any] = json.loads((_HERE / "jax.json").read_text())

DEGREES: dict[str, int] = _PLAN["degrees"]
ORDER: list[str] = _PLAN["order"]
"""Axes in which ranks run, fastest first."""
DIMS: tuple[str, ...] = tuple(_PLAN["dims"])
EXPERT_DIMS = ("pp", "edp", "ep", "tp")
A_HOST: bool = _PLAN["process_is"] == "host"
"""Whether a process has all the job's GPUs of its host, or one."""


def initialize(**more: Any) -> None:
    """Join the job, as the process that ``launch.sh`` says; `more` goes to JAX unchanged."""
    address = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
    if A_HOST:
        number = int(os.environ["NODE_RANK"])
        devices = hosts()[number][1]
    else:
        number, devices = int(os.environ["RANK"]), [int(os.environ["LOCAL_RANK"])]
    count = len(hosts()) if A_HOST else len(_rows())
    jax.distributed.initialize(address, count, number, devices, **more)


def build() -> Mesh:
    """The mesh of all ranks, with the planned axes."""
    return _mesh(rank_array(DIMS), DIMS)


def build_expert() -> Mesh:
    """The mesh in which expert groups (``ep``) and the replicas of the experts (``edp``) are axes."""
    return _mesh(expert_rank_array(), EXPERT_DIMS)


def permutation() -> np.ndarray:
    """Index, in the devices sorted by process and by number in it, of the device of each rank."""
    if not A_HOST:
        return np.arange(len(_rows()))
    first, start = {}, 0
    for host, gpus in hosts():
        first[host] = {gpu: start + index for index, gpu in enumerate(gpus)}
        start += len(gpus)
    return np.array([first[host][gpu] for host, gpu in _rows()])


def rank_array(dims: tuple[str, ...]) -> np.ndarray:
    """Rank at each place of a mesh of `dims`, the first one slowest."""
    slowest_first = ORDER[::-1]
    ranks = np.arange(len(_rows())).reshape([DEGREES[axis] for axis in slowest_first])
    whole = (*(axis for axis in ORDER if axis not in dims), *dims)
    placed = ranks.transpose([slowest_first.index(axis) for axis in whole])
    # What was left out has one rank, and no axis of its own.
    return placed.reshape([DEGREES[dim] for dim in dims])


def expert_rank_array() -> np.ndarray:
    """Rank at each place of the mesh of `EXPERT_DIMS`: ep and edp fold the dp and cp ranks of a stage."""
    slow, fast = (axis for axis in ORDER[::-1] if axis in ("cp", "dp"))
    return rank_array(("pp", slow, fast, "tp")).reshape([DEGREES[dim] for dim in EXPERT_DIMS])


def hosts() -> list[tuple[str, list[int]]]:
    """The hosts in the order of their lowest ranks, each with the job's GPUs on it, ascending."""
    found: dict[str, list[int]] = {}
    for host, gpu in _rows():
        found.setdefault(host, []).append(gpu)
    return [(host, sorted(gpus)) for host, gpus in found.items()]


@cache
def _rows() -> list[tuple[str, int]]:
    """Host and GPU of every rank."""
    with (_HERE / "ranks.csv").open(newline="") as file:
        return [(row["host"], int(row["gpu"])) for row in csv.DictReader(file)]


def _mesh(ranks: np.ndarray, names: tuple[str, ...]) -> Mesh:
    devices = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    if len(devices) != len(_rows()):
        raise RuntimeError(f"{len(_rows())} ranks are planned, the job has {len(devices)} devices")
    return Mesh(np.array(devices)[permutation()[ranks.ravel()]].reshape(ranks.shape), names)
