"""PyTorch's DeviceMesh as it was planned.

    import device_mesh

    mesh = device_mesh.build()            # the planned axes, such as mesh["tp"].get_group()
    experts = device_mesh.build_expert()  # where the job has experts: pp, edp, ep, tp

It goes with the exported files, whose ``mesh.json`` has the degrees and the order of ranks. Every
rank calls the same functions in the same order.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch.distributed.device_mesh import DeviceMesh

_PLAN: dict[str, Any] = json.loads(Path(__file__).resolve().with_name("mesh.json").read_text())

DEGREES: dict[str, int] = _PLAN["degrees"]
ORDER: list[str] = _PLAN["order"]
"""Axes in which ranks run, fastest first."""
DIMS: tuple[str, ...] = tuple(_PLAN["dims"])
EXPERT_DIMS = ("pp", "edp", "ep", "tp")
KIND: str = _PLAN["kind"]


def build(kind: str = KIND) -> DeviceMesh:
    """The mesh of all ranks, with the planned dimensions."""
    _choose_device(kind)
    return DeviceMesh(kind, rank_tensor(DIMS), mesh_dim_names=DIMS)


def build_expert(kind: str = KIND) -> DeviceMesh:
    """The mesh in which expert groups (``ep``) and the replicas of the experts (``edp``) are dimensions."""
    _choose_device(kind)
    return DeviceMesh(kind, expert_rank_tensor(), mesh_dim_names=EXPERT_DIMS)


def rank_tensor(dims: tuple[str, ...]) -> torch.Tensor:
    """Rank at each place of a mesh of `dims`, the first one slowest."""
    slowest_first = ORDER[::-1]
    ranks = torch.arange(_world()).reshape([DEGREES[axis] for axis in slowest_first])
    whole = (*(axis for axis in ORDER if axis not in dims), *dims)
    placed = ranks.permute([slowest_first.index(axis) for axis in whole])
    # What was left out has one rank, and no dimension of its own.
    return placed.reshape([DEGREES[dim] for dim in dims])


def expert_rank_tensor() -> torch.Tensor:
    """Rank at each place of the mesh of `EXPERT_DIMS`: ep and edp fold the dp and cp ranks of a stage."""
    slow, fast = (axis for axis in ORDER[::-1] if axis in ("cp", "dp"))
    return rank_tensor(("pp", slow, fast, "tp")).reshape([DEGREES[dim] for dim in EXPERT_DIMS])


def _world() -> int:
    return DEGREES["tp"] * DEGREES["cp"] * DEGREES["dp"] * DEGREES["pp"]


def _choose_device(kind: str) -> None:
    """Take the GPU that the launch chose, before DeviceMesh takes one by counting ranks."""
    if kind == "cuda" and "LOCAL_RANK" in os.environ:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
