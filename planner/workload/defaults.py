"""What a workload file leaves unsaid, and the job that it then describes."""

from __future__ import annotations

from planner.errors import InternalError
from planner.workload.architecture import to_model
from planner.workload.cut import cut_of, stated
from planner.workload.job import DataParallel, Job, Precision, Recompute, Schedule
from planner.workload.mesh import DEFAULT_RANK_ORDER, Mesh
from planner.workload.schema import Architecture, WorkloadFile

ELEMENT_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2, "fp8": 1}


def resolved(file: WorkloadFile) -> WorkloadFile:
    """`file` with every default written out, its base folded in."""
    given = file.rank_order.split("-")
    order = "-".join(given + [axis for axis in DEFAULT_RANK_ORDER if axis not in given])
    changes: dict[str, object] = {"include": None, "rank_order": order}
    if file.model is not None:
        precision = file.precision or "bf16"
        data_parallel = file.data_parallel or "distributed_optimizer"
        changes |= {
            "precision": precision,
            "gradients": file.gradients or _gradients(precision, data_parallel),
            "dispatch": file.dispatch or _element(precision),
            "data_parallel": data_parallel,
            "recompute": file.recompute or "selective",
            "schedule": file.schedule or ("interleaved" if file.parallelism.vp > 1 else "1f1b"),
            "sequence_parallel": file.sequence_parallel is not False,
            "stages": stated(file),
        }
    return file.model_copy(update=changes)


def _element(precision: str) -> str:
    """Format of weights and activations at rest."""
    return precision if precision in ("fp32", "fp16") else "bf16"


def _gradients(precision: str, data_parallel: str) -> str:
    """FP32 but for FP16, and for ZeRO-3, whose 16 bytes a parameter hold 2 of gradients."""
    return _element(precision) if precision == "fp16" or data_parallel == "fsdp" else "fp32"


def to_mesh(file: WorkloadFile) -> Mesh:
    """The mesh of a resolved file."""
    order = tuple(file.rank_order.split("-"))
    return Mesh(**file.parallelism.model_dump(), rank_order=order)


def to_job(file: WorkloadFile) -> Job:
    """The job of a resolved file that has a model by its shape."""
    if not isinstance(file.model, Architecture) or file.batch is None:
        raise InternalError.of("X001", "a job needs a model by shape and a batch")
    return Job(
        model=to_model(file.model),
        mesh=to_mesh(file),
        global_batch=file.batch.global_,
        micro_batch=file.batch.micro,
        sequence=file.batch.sequence,
        precision=Precision(file.precision or "bf16"),
        gradient_bytes=ELEMENT_BYTES[file.gradients or "fp32"],
        dispatch_bytes=ELEMENT_BYTES[file.dispatch or "bf16"],
        data_parallel=DataParallel(file.data_parallel or "distributed_optimizer"),
        recompute=Recompute(file.recompute or "selective"),
        schedule=Schedule(file.schedule or "1f1b"),
        sequence_parallel=file.sequence_parallel is not False,
        cut=cut_of(file),
    )
