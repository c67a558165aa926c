"""Megatron-Core's model parallelism as it was planned.

    import parallel

    torch.distributed.init_process_group("nccl")
    parallel.initialize()

It goes with the exported files, whose ``megatron.json`` has the sizes and the order of ranks.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch.distributed
from megatron.core import parallel_state

_PLAN: dict[str, Any] = json.loads(Path(__file__).resolve().with_name("megatron.json").read_text())

SIZES: dict[str, Any] = _PLAN["sizes"]
ORDER: str = _PLAN["order"]
WORLD_SIZE: int = _PLAN["world_size"]


def initialize(**more: object) -> None:
    """Form the process groups as planned; `more` goes to ``initialize_model_parallel`` unchanged.

    Raises
    ------
    RuntimeError
        Where the job has another number of ranks than was planned.
    """
    world = torch.distributed.get_world_size()
    if world != WORLD_SIZE:
        raise RuntimeError(f"{WORLD_SIZE} ranks are planned, the job has {world}")
    parallel_state.initialize_model_parallel(**SIZES, order=ORDER, **more)
