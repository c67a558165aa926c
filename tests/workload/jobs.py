"""Small training jobs for tests."""

from planner.workload.job import DataParallel, Job, Precision, Recompute, Schedule
from planner.workload.mesh import Mesh
from planner.workload.model import Experts, Model


def small_model(**changes):
    """Four layers of hidden 8: 192 attention, 384 FFN and 16 norm parameters each."""
    shape = {"layers": 4, "hidden": 8, "ffn": 16, "heads": 4, "kv_heads": 2, "head_dim": 2, "vocab": 10}
    return Model("small", **shape | changes)


def moe_model(**changes):
    """`small_model` with 4 experts of 96 parameters, two a token, in every layer."""
    return small_model(experts=Experts(count=4, top_k=2, ffn=4), **changes)


def job(model=None, *, batch=(8, 1, 16), schedule="1f1b", **options):
    """A job of `small_model`: by default 8 samples of 16 tokens in BF16, one a microbatch.

    Options that name an axis or vp make the mesh, the others replace the job's own.
    """
    axes = {key: options.pop(key) for key in ("tp", "cp", "ep", "dp", "pp", "vp") if key in options}
    global_batch, micro_batch, sequence = batch
    defaults = {
        "precision": Precision.BF16,
        "gradient_bytes": 4,
        "dispatch_bytes": 2,
        "data_parallel": DataParallel.DISTRIBUTED_OPTIMIZER,
        "recompute": Recompute.SELECTIVE,
        "sequence_parallel": True,
    }
    return Job(
        model=model or small_model(),
        mesh=Mesh(**axes),
        global_batch=global_batch,
        micro_batch=micro_batch,
        sequence=sequence,
        schedule=Schedule(schedule),
        **defaults | options,
    )
