"""The best that a JAX user can do by choosing a mesh: all shapes tried, ranks in JAX's own order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.placement.orders import jax_device_mesh, jax_hybrid_device_mesh, jax_hybrid_fsdp_mesh
from planner.strategy.ours import question_of
from planner.strategy.search import search

if TYPE_CHECKING:
    from planner.strategy.defaults import Rule
    from planner.strategy.outline import Outline
    from planner.workload.job import Job

# Parameters are sharded over the fsdp axis, or stay whole from forward to backward (MaxText's
# pipeline_fsdp_ag_once). JAX differentiates a pipeline into all forwards, then all backwards; what keeps
# less, and waits no longer, is granted instead.
SHARDED = (
    ("data_parallel", "fsdp"),
    ("data_parallel", "fsdp_no_reshard"),
    ("schedule", "1f1b"),
    ("schedule", "interleaved"),
)
THREE_AXES = (("cp", "1"), ("ep", "1"))
# So many that are fastest in outline are looked at on the cluster itself.
CLOSEST = 5
# Rules of order to try; the last where hosts are uneven.
ORDERS: tuple[Rule, ...] = (jax_hybrid_fsdp_mesh, jax_hybrid_device_mesh, jax_device_mesh)


def jax_meshes(asked: Job, outline: Outline, *, every_axis: bool) -> tuple[Job, ...]:
    """The few fastest meshes of tp, fsdp and pp, with a context and an expert axis where `every_axis`.

    Each with whatever microbatch, recomputation and virtual stages make it fastest; none where none fits.
    """
    question = question_of(asked, outline, SHARDED if every_axis else (*SHARDED, *THREE_AXES))
    return tuple(found.job for found in search(question, outline, keep=CLOSEST, front=False).best)
