"""The best meshes of JAX's axes."""

from __future__ import annotations

from planner.strategy.defaults import fullest
from planner.strategy.jax_mesh import CLOSEST, jax_meshes
from planner.strategy.outline import Level, Outline
from planner.topology.presets import preset
from planner.workload.job import DataParallel, Schedule
from planner.workload.model import Experts, Model
from tests.workload.jobs import job

OUTLINE = Outline(16, (Level("node", 8, 400e9),), 450e9, preset("h100"))
MODEL = Model(
    "m",
    layers=8,
    hidden=1024,
    ffn=4096,
    heads=8,
    kv_heads=4,
    head_dim=128,
    vocab=32000,
    experts=Experts(count=8, top_k=2, ffn=1024),
)
ASKED = job(MODEL, batch=(32, 1, 2048), dp=16)


def test_three_axes_and_all_of_them():
    """Neither context nor expert ranks with three; whatever is fastest with all. Parameters are sharded."""
    three = jax_meshes(ASKED, OUTLINE, every_axis=False)
    every = jax_meshes(ASKED, OUTLINE, every_axis=True)
    assert len(three) == len(every) == CLOSEST
    assert {(each.mesh.cp, each.mesh.ep) for each in three} == {(1, 1)}
    for each in (*three, *every):
        assert each.data_parallel in (DataParallel.FSDP, DataParallel.FSDP_NO_RESHARD)
        assert each.schedule in (Schedule.ONE_F_ONE_B, Schedule.INTERLEAVED)
        assert fullest(each) <= OUTLINE.gpu.memory_bytes
