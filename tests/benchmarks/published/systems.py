"""Clusters that runs were published on, from the names that tables give them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache

from planner.library import shipped
from planner.topology.presets import Gpu, preset
from tests.builders import grid_cluster

# Where neither a preset nor a table says it: 400 Gb/s a GPU, NVLink of the generation before last.
NIC, SCALE_UP = 50e9, 600e9


@dataclass(frozen=True)
class System:
    """GPUs of a node and of a scale-up domain as they are used, and the GPU."""

    node: int
    scale_up: int
    gpu: Gpu


@cache
def system_of(name: str, gpus: int) -> System:
    """What a name stands for: `gb300-nvl72`, `dgx-h100`, `8x mi300x`, `tpu7x-256`.

    Of an NVL72 rack 64 GPUs are used, unless whole racks of 72 make up the job. A slice of TPUs is one
    domain. Everything else is a node of eight GPUs.

    Raises
    ------
    ValueError
        Where no GPU that ships is in the name.
    """
    words = name.lower().replace("_", "-")
    found = [each for each in shipped("gpu") if re.search(rf"(?<![a-z]){each}(?!\d)", words)]
    if not found:
        raise ValueError(
            f"expected a system with one of {', '.join(shipped('gpu'))} in its name, got {name!r}"
        )
    gpu = preset(max(found, key=len))
    if gpu.name.startswith("tpu"):
        return System(4, max(4, gpus), gpu)
    if "nvl" in words or gpu.name.startswith("gb"):
        return System(4, 72 if gpus % 72 == 0 and gpus % 64 else 64, gpu)
    return System(8, 8, gpu)


@cache
def cluster_of(name: str, gpus: int):
    """A cluster of as many GPUs of this system, at full bisection."""
    system = system_of(name, gpus)
    gpu, node = system.gpu, min(system.node, gpus)
    nic, speed = gpu.nic_bytes_per_s or NIC, gpu.scale_up_bytes_per_s or SCALE_UP
    domain = min(-(-gpus // node) * node, system.scale_up)
    if domain > node:
        shape, uplinks = (-(-gpus // domain), domain // node, node), (None, domain * nic)
        made = grid_cluster(*shape, uplinks=uplinks, boundary=1, scale_up=speed)
    else:
        made = grid_cluster(-(-gpus // node), node, uplinks=(node * nic,), scale_up=speed)
    return replace(made, gpu_kinds=(gpu,))
