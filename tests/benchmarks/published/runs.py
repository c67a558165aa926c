"""Published training runs as jobs on clusters."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.compute import Software
from planner.cost.flops import FlopCount, step_flops
from planner.topology.presets import preset
from planner.workload.architecture import load_architecture, to_model
from planner.workload.job import DataParallel, Job, Precision, Recompute, Schedule
from planner.workload.memory import memory
from planner.workload.mesh import Mesh
from planner.workload.model import Model
from tests.builders import grid_cluster

if TYPE_CHECKING:
    from pathlib import Path

# GPUs of a node and of a scale-up domain as they are used, and the GPU.
SYSTEMS = {
    "gb300-nvl72": (4, 64, "gb300"),
    "gb200-nvl72": (4, 64, "gb200"),
    "dgx-h100": (8, 8, "h100"),
    "dgx-h200": (8, 8, "h200"),
    "dgx-b200": (8, 8, "b200"),
    "dgx-b300": (8, 8, "b300"),
    "dgx-a100": (8, 8, "a100"),
    "tpu7x-256": (4, 256, "tpu7x"),
}
# What the sources that give no formula count.
COUNTS = {"causal": FlopCount.CAUSAL, "full": FlopCount.FULL, "megatron_sc21": FlopCount.SC21}
# Heads of GPT models by their hidden size (Narayanan et al. 2021, table 1), where notes do not say.
HEADS = {2304: 24, 3072: 32, 4096: 32, 6144: 48, 8192: 64, 10240: 80, 12288: 96, 16384: 128}
HEADS |= {20480: 128, 25600: 160}
# Both are older than fused attention and than the overlap of communication.
BEFORE_FLASH = ("Narayanan", "Korthikanti")


# Megatron trains these with so many modules that predict further tokens, as published TFLOP/s show: those of
# DeepSeek-V3 are 1.04 of what the model without its module has. Its recipes then cut layers as if module
# and loss were three more.
MTP = {"deepseek-v3": 1}


@dataclass(frozen=True)
class Run:
    """One row: what was run, what its source says of recomputation and sharding, and seconds a step."""

    id: str
    source: str
    family: str
    said: tuple[str, str]
    system: str
    gpus: int
    job: Job
    software: Software
    measured_s: float
    choices: tuple[Job, ...]


def read_runs(path: Path) -> list[Run]:
    """All rows of a file of runs."""
    with path.open(newline="") as file:
        return [_run(row) for row in csv.DictReader(file)]


def _run(row: dict[str, str]) -> Run:
    old = row["source"].startswith(BEFORE_FLASH)
    choices = tuple(_choices(row, old))
    job = choices[0]
    gpus = int(row["gpus"])
    if row["step_s"]:
        measured = float(row["step_s"])
    else:
        count = COUNTS.get(row["flop_count"], FlopCount.FULL if "Core" in row["source"] else FlopCount.CAUSAL)
        measured = step_flops(job, count) / (float(row["tflops_per_gpu"]) * 1e12 * gpus)
    software = Software(fused_attention=not old, overlaps=not old)
    said = row["recompute"], row["dp_mode"]
    family = f"{SYSTEMS[row['system']][2]} {row['precision']}"
    return Run(row["id"], row["source"], family, said, row["system"], gpus, job, software, measured, choices)


def _choices(row: dict[str, str], old: bool) -> list[Job]:
    """The job; where the source leaves something unsaid, every choice that fits in memory."""
    model = _model(row["model"], row["notes"])
    gpus, tp, cp, pp = (int(row[key]) for key in ("gpus", "tp", "cp", "pp"))
    dp = gpus // (tp * cp * pp)
    batch = int(row["global_batch"])
    unsaid = "micro batch and" in row["notes"], "nterleaving" in row["notes"]
    micros = [int(row["micro_batch"])] if row["micro_batch"] and not unsaid[0] else [1, 2, 4]
    known = row["vp"] and not unsaid[1]
    virtuals = [int(row["vp"])] if known else [v for v in (1, 2, 3, 4, 6, 8) if pp > 1 or v == 1]
    kept = _kept(row)
    made = []
    for recompute in kept:
        for micro in micros:
            for virtual in virtuals:
                if batch % (micro * dp) or virtual * pp > model.layers + 2:
                    continue
                mesh = Mesh(tp=tp, cp=cp, ep=min(int(row["ep"] or 1), cp * dp), dp=dp, pp=pp, vp=virtual)
                job = _job(row, model, mesh, micro, recompute)
                made.append(replace(job, cut=_cut(model, pp * virtual)))
        limit = preset(SYSTEMS[row["system"]][2]).memory_bytes or np.inf
        fitting = [job for job in made if max(stage.total for stage in memory(job)) <= limit]
        if fitting:
            return fitting
    return made


def _cut(model: Model, chunks: int) -> tuple[int, ...] | None:
    """Layers of each chunk as recipes of models with further modules cut them: the last chunk has fewer."""
    if not model.mtp_layers or chunks == 1:
        return None
    each = -(-(model.layers + 3) // chunks)
    last = model.layers - each * (chunks - 1)
    return (each + min(last, 0), *[each] * (chunks - 2), max(last, 0))


def _kept(row: dict[str, str]) -> list[Recompute]:
    """The recomputation that was used, or those that may have been, the least first."""
    if row["recompute"] != "unstated":
        return [Recompute(row["recompute"])]
    # MaxText recomputes everything unless it is told otherwise.
    return [Recompute.FULL] if row["framework"] == "jax" else list(Recompute)


def _job(row: dict[str, str], model: Model, mesh: Mesh, micro: int, recompute: Recompute) -> Job:
    precision = Precision(row["precision"])
    mode = DataParallel(row["dp_mode"])
    narrow = precision.is_narrow or precision is Precision.FP16 or mode is DataParallel.FSDP
    return Job(
        model=model,
        mesh=mesh,
        global_batch=int(row["global_batch"]),
        micro_batch=micro,
        sequence=int(row["seq"]),
        precision=precision,
        gradient_bytes=2 if narrow else 4,
        dispatch_bytes=2,
        data_parallel=mode,
        recompute=recompute,
        schedule=Schedule.INTERLEAVED if mesh.vp > 1 else Schedule.ONE_F_ONE_B,
        sequence_parallel=not row["source"].startswith("Narayanan") and not row["notes"].startswith("no seq"),
    )


@cache
def _model(name: str, notes: str) -> Model:
    """A shipped model, or the shape that the notes give."""
    found = dict(re.findall(r"(hidden|layers|heads|vocab) (\d+)", notes))
    if not found:
        return replace(to_model(load_architecture(name)), mtp_layers=MTP.get(name, 0))
    hidden = int(found["hidden"])
    heads = int(found.get("heads", HEADS.get(hidden, hidden // 128)))
    return Model(
        name=name,
        layers=int(found["layers"]),
        hidden=hidden,
        ffn=4 * hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        vocab=int(found["vocab"]),
        gated_ffn=False,
        tied_embeddings=True,
        biases=True,
        layer_norm=True,
    )


@cache
def cluster_of(system: str, gpus: int):
    """A cluster of as many GPUs of this system, at full bisection."""
    node, scale_up, name = SYSTEMS[system]
    gpu = preset(name)
    nic = gpu.nic_bytes_per_s or 50e9
    domain = min(scale_up, gpus)
    if scale_up > node:
        made = grid_cluster(
            -(-gpus // domain),
            domain // node,
            node,
            uplinks=(None, domain * nic),
            boundary=1,
            scale_up=gpu.scale_up_bytes_per_s or 600e9,
        )
    else:
        made = grid_cluster(-(-gpus // node), node, uplinks=(node * nic,), scale_up=gpu.scale_up_bytes_per_s)
    return replace(made, gpu_kinds=(gpu,))
