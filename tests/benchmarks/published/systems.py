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
# Versions of GPUs that ship, by what differs: maker's data sheets, for TPU v4 and v5e Google's documentation
# (six and four links of 50 GB/s one way).
VERSIONS = {
    "h800": ("h100", {"scale_up_bytes_per_s": 200e9}),
    "a800": ("a100", {"scale_up_bytes_per_s": 200e9}),
    "gh200": ("h200", {"memory_bytes": 96e9, "memory_bytes_per_s": 4e12}),
    "tpu-v4": (
        "tpu-v5p",
        {
            "tflops": {"bf16": 275.0},
            "memory_bytes": 32 * 2**30,
            "memory_bytes_per_s": 1.2e12,
            "scale_up_bytes_per_s": 300e9,
        },
    ),
    "tpu-v5e": (
        "tpu-v6e",
        {
            "tflops": {"bf16": 197.0},
            "memory_bytes": 16 * 2**30,
            "memory_bytes_per_s": 819e9,
            "scale_up_bytes_per_s": 200e9,
        },
    ),
}
# Names of machines that have no GPU in them, and other spellings.
MACHINES = {
    r"\bp5\.\S*": "h100",
    r"\bp5en?\b\S*": "h200",
    r"\bp4de\b\S*": "a100",
    r"\bselene\b": "a100",
    r"\beos\b": "h100",
    r"\btrillium\b": "tpu-v6e",
    r"\bironwood\b": "tpu7x",
    r"\b(?:tpu-?)?v7x?\b": "tpu7x",
    r"\b(?:tpu-?)?(v[456][pe]?)\b": r"tpu-\1",
}


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
    words = _spelled(name)
    known = [*shipped("gpu"), *VERSIONS]
    found = [each for each in known if re.search(rf"(?<![a-z]){each}(?!\d)", words)]
    if not found:
        raise ValueError(
            f"expected a system with one of {', '.join(sorted(known))} in its name, got {name!r}"
        )
    gpu = _gpu(max(found, key=len), words)
    if gpu.name.startswith("tpu"):
        return System(4, max(4, gpus), gpu)
    if "nvl" in words or gpu.name.startswith("gb"):
        return System(4, 72 if gpus % 72 == 0 and gpus % 64 else 64, gpu)
    return System(8, 8, gpu)


def _spelled(name: str) -> str:
    """The name in lower case with hyphens, counts cut off, and machines by their GPUs."""
    words = re.sub(r"[\s_]+", "-", name.strip().lower())
    words = re.sub(r"(\d+)x(?=[a-z])", r"\1-", words)
    for machine, gpu in MACHINES.items():
        words = re.sub(machine, gpu, words)
    return words


def _gpu(name: str, words: str) -> Gpu:
    """A GPU that ships, or a version of one."""
    base, changes = VERSIONS.get(name, (name, {}))
    gpu = replace(preset(base), **changes)
    # The first A100s had half of the memory, and three quarters of its bandwidth.
    small = gpu.name == "a100" and re.search(r"(?<!\d)40-?gb?\b", words)
    return replace(gpu, memory_bytes=40e9, memory_bytes_per_s=1.555e12) if small else gpu


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
