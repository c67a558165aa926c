"""The groups of Megatron exports, against Megatron-Core itself."""

from __future__ import annotations

import json

import numpy as np
import pytest

from planner.formats.exporters.megatron import agrees
from planner.placement.groups import groups_along
from planner.workload.mesh import Mesh
from tests.builders import claimed, grid_cluster, grid_workload
from tests.real.exported import run, write
from tests.real.other import ask, needs

pytestmark = [pytest.mark.real, needs("torch", "megatron")]

DEFAULT = ("tp", "cp", "ep", "dp", "pp")
DENSE = {"tp": ("tp",), "cp": ("cp",), "dp": ("dp",), "pp": ("pp",)}
EXPERT = {"ep": ("ep",), "dp": ("edp",), "pp": ("pp",)}
MESHES = [
    Mesh(tp=2, cp=2, dp=3, pp=2),
    Mesh(tp=2, dp=4, pp=2, ep=4),
    Mesh(tp=2, cp=2, dp=4, pp=2, ep=4),
    Mesh(cp=2, dp=3, pp=2, ep=2),
    Mesh(tp=2, cp=2, dp=2, ep=4),
]
ORDERS = [
    "tp-cp-ep-dp-pp",
    "tp-cp-ep-pp-dp",
    "tp-ep-dp-cp-pp",
    "dp-tp-cp-ep-pp",
    "pp-dp-cp-tp-ep",
    "tp-dp-ep-pp-cp",
]
GENERATORS = """
import json, sys
from megatron.core.parallel_state import RankGenerator
answers = []
for degrees, order, tokens in json.load(sys.stdin):
    answers.append([RankGenerator(order=order, **degrees).get_ranks(token) for token in tokens])
print(json.dumps(answers))
"""
ALL_RANKS = """
import json, torch.distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore
import parallel
from megatron.core import parallel_state as state
found = {}
for rank in range(parallel.WORLD_SIZE):
    dist.init_process_group("fake", store=FakeStore(), rank=rank, world_size=parallel.WORLD_SIZE)
    parallel.initialize(create_gloo_process_groups=False)
    groups = {
        "tp": state.get_tensor_model_parallel_group(),
        "cp": state.get_context_parallel_group(),
        "dp": state.get_data_parallel_group(),
        "pp": state.get_pipeline_model_parallel_group(),
        "dp-cp": state.get_data_parallel_group(with_context_parallel=True),
        "ep": state.get_expert_model_parallel_group(),
        "expert-dp": state.get_expert_data_parallel_group(),
    }
    found[rank] = {name: dist.get_process_group_ranks(group) for name, group in groups.items()}
    state.destroy_model_parallel()
    dist.destroy_process_group()
print(json.dumps(found))
"""


def degrees(mesh):
    """What its two generators are told."""
    dense = {"tp": mesh.tp, "cp": mesh.cp, "ep": 1, "dp": mesh.dp, "pp": mesh.pp}
    return dense, {**dense, "cp": 1, "ep": mesh.ep, "dp": mesh.edp}


def in_order(mesh, axes):
    """Our groups along axes, by their first ranks."""
    members = groups_along(mesh, axes).members
    return members[np.argsort(members[:, 0])].tolist()


def planned(mesh, order=DEFAULT):
    """A job with this mesh on as many GPUs as it has ranks."""
    options = {axis: mesh.degree(axis) for axis in ("tp", "cp", "dp", "pp", "ep")}
    workload = grid_workload(order=order, families=[("tp", "all_reduce", 1)], **options)
    return claimed(grid_cluster(1, 1, mesh.world_size), workload, np.arange(mesh.world_size))


def test_groups_are_those_of_rank_generators():
    """For meshes and orders of all kinds: what we say Megatron forms, it forms, and no more."""
    cases = [(mesh, order) for mesh in MESHES for order in ORDERS]
    questions = []
    for mesh, order in cases:
        dense, expert = degrees(mesh)
        questions += [(dense, order, list(DENSE)), (expert, order, list(EXPERT))]
    answers = ask(GENERATORS, questions)
    verdicts = []
    for (mesh, order), dense, expert in zip(cases, answers[::2], answers[1::2], strict=True):
        own = Mesh(mesh.tp, mesh.cp, mesh.ep, mesh.dp, mesh.pp, 1, tuple(order.split("-")))
        theirs = [sorted(groups) for groups in (*dense, *expert)]
        same = theirs == [in_order(own, axes) for axes in (*DENSE.values(), *EXPERT.values())]
        accepted = order.endswith("pp") or mesh.pp == 1 or mesh.edp == mesh.dp
        assert agrees(own, order) == (same and accepted), (own, order)
        verdicts.append(same and accepted)
    assert set(verdicts) == {True, False}


@pytest.mark.parametrize(
    ("mesh", "order"),
    [
        (Mesh(tp=2, cp=2, dp=2, pp=2, ep=2), DEFAULT),
        (Mesh(tp=2, dp=2, pp=2), ("dp", "tp", "pp", "cp", "ep")),
    ],
    ids=str,
)
def test_every_rank_joins_the_planned_groups(tmp_path, mesh, order):
    """Megatron's own initialisation, by the exported module, as each rank in turn."""
    folder = write(planned(mesh, order), "megatron", tmp_path / "out", "entry=core")
    planned_groups = json.loads((folder / "groups.json").read_text())
    found = json.loads(run(ALL_RANKS, folder))
    assert len(found) == mesh.world_size
    for rank, groups in found.items():
        for name, members in groups.items():
            if name in planned_groups:
                assert members in planned_groups[name], (rank, name)
                assert int(rank) in members
