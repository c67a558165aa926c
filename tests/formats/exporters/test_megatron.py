"""Megatron exports: arguments, order and groups."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from planner.errors import UsageError
from planner.formats.exporting import bundle, launcher_files
from planner.formats.writing.folder import write_folder
from planner.placement.groups import groups_along
from planner.workload.mesh import Mesh
from tests.builders import claimed, grid_cluster, grid_workload

STEP = {
    "format_version": 1,
    "name": "small",
    "model": {"name": "small", "layers": 6, "hidden": 64, "ffn": 128, "heads": 4, "vocab": 100},
    "batch": {"global": 64, "micro": 2, "sequence": 4096},
    "data_parallel": "distributed_optimizer",
    "sequence_parallel": True,
    "schedule": "interleaved",
}


def job(description=None, **options):
    """A placement of a job on one large host."""
    workload = grid_workload(families=[("dp", "all_reduce", 1)], **options)
    degrees = {axis: degree for axis, degree in options.items() if axis != "order"}
    told = {**description, "parallelism": degrees} if description else {}
    workload = replace(workload, description=told)
    world = workload.mesh.world_size
    return claimed(grid_cluster(1, 1, world), workload, np.arange(world))


def arguments(*given, **options):
    """Lines of the arguments."""
    return launcher_files(job(**options), "megatron", given).files["arguments"].decode().splitlines()


def test_arguments():
    """All sizes, the virtual stages, and what the workload says of a step."""
    assert arguments(tp=2, cp=2, dp=2, pp=2, ep=4, vp=3, description=STEP) == [
        "--tensor-model-parallel-size 2",
        "--pipeline-model-parallel-size 2",
        "--context-parallel-size 2",
        "--expert-model-parallel-size 4",
        "--expert-tensor-parallel-size 2",
        "--num-virtual-stages-per-pipeline-rank 3",
        "--micro-batch-size 2",
        "--global-batch-size 64",
        "--seq-length 4096",
        "--sequence-parallel",
        "--use-distributed-optimizer",
    ]


@pytest.mark.parametrize(
    ("stages", "layout"),
    [({"pp": 2, "vp": 2}, "Et|tt|tt|tL"), ({"pp": 2, "stages": [4, 2]}, "Etttt|ttL"), ({"pp": 3}, None)],
)
def test_uneven_stages_have_a_layout(stages, layout):
    """Six layers that do not go evenly into stages are written out; Megatron then counts virtual stages."""
    stages = dict(stages)
    step = {**STEP, **({"stages": stages.pop("stages")} if "stages" in stages else {})}
    step["schedule"] = "interleaved" if "vp" in stages else "1f1b"
    written = arguments(dp=2, description=step, **stages)
    plan = json.loads(
        launcher_files(job(dp=2, description=step, **stages), "megatron").files["megatron.json"]
    )
    assert plan.get("pipeline_model_parallel_layout") == layout
    assert (f"--pipeline-model-parallel-layout {layout}" in written) == (layout is not None)
    assert not any("--num-virtual" in line for line in written)


def test_a_v_of_stages_has_no_layout():
    """Megatron deals virtual stages round, never down and up."""
    step = {**STEP, "schedule": "zb-v", "stages": [1, 2, 2, 1]}
    assert not any("layout" in line for line in arguments(pp=2, dp=2, description=step))


def test_pipeline_before_data():
    """Megatron-LM's second order has an argument of its own."""
    assert "--use-tp-pp-dp-mapping" in arguments(tp=2, dp=2, pp=2, order=("tp", "cp", "ep", "pp", "dp"))
    assert "--use-tp-pp-dp-mapping" not in arguments(tp=2, dp=2, pp=2)


def test_axes_of_one_rank_do_not_choose_the_order():
    """An order that differs from the default only in such axes needs no argument."""
    assert "--use-tp-pp-dp-mapping" not in arguments(tp=2, dp=4, order=("pp", "cp", "tp", "dp", "ep"))


def test_other_orders_need_the_core():
    """Arguments cannot say them; a program that calls Megatron-Core can."""
    placement = job(tp=2, dp=2, pp=2, order=("dp", "tp", "cp", "pp", "ep"))
    with pytest.raises(UsageError, match=r"E020.*\n.*\n.*entry=core"):
        launcher_files(placement, "megatron")
    export = launcher_files(placement, "megatron", ["entry=core"])
    plan = json.loads(export.files["megatron.json"])
    assert plan["order"].replace("-ep", "").replace("ep-", "") == "dp-tp-cp-pp"
    assert plan["world_size"] == 8
    assert plan["sizes"]["tensor_model_parallel_size"] == 2
    assert plan["sizes"]["virtual_pipeline_model_parallel_size"] is None
    assert "parallel.py" in export.files
    assert "arguments" not in export.files


@pytest.mark.parametrize("entry", ["arguments", "core"])
def test_experts_that_megatron_would_fold_otherwise(entry):
    """With stages among the data-parallel ranks, Megatron takes other ranks for an expert group."""
    placement = job(dp=4, pp=2, ep=2, order=("pp", "dp", "tp", "cp", "ep"))
    with pytest.raises(UsageError, match=r"E020.*other expert groups"):
        launcher_files(placement, "megatron", [f"entry={entry}"])


def test_groups_are_the_planned_ones():
    """Every family of groups, with their ranks in order."""
    mesh = Mesh(tp=2, cp=2, dp=2, pp=2, ep=2)
    files = launcher_files(job(tp=2, cp=2, dp=2, pp=2, ep=2), "megatron").files
    groups = json.loads(files["groups.json"])
    assert set(groups) == {"tp", "cp", "dp", "pp", "dp-cp", "ep", "expert-dp"}
    assert groups["ep"] == groups_along(mesh, ("ep",)).members.tolist()
    assert groups["dp-cp"] == groups_along(mesh, ("cp", "dp")).members.tolist()
    assert groups["pp"][0] == [0, 8]


def test_the_command_carries_the_arguments(tmp_path):
    """As words of its own behind the exported command, and not behind one that the script is given."""
    write_folder(bundle(job(tp=2), "megatron", ["command=echo pretrain"]), tmp_path / "out")
    said = [launch(tmp_path / "out"), launch(tmp_path / "out", "echo", "mine")]
    assert said == [["pretrain " + " ".join(arguments(tp=2))] * 2, ["mine"] * 2]


def launch(folder, *command):
    """What the ranks of the only host print."""
    done = subprocess.run(
        [folder / "launch.sh", *command],
        env={**os.environ, "PLANNER_HOST": "r00-n00"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_schedules_that_megatron_lacks_are_named():
    """The placement stands, the step will be another."""
    placement = job(description={**STEP, "schedule": "zb-h1"}, pp=2)
    assert any("zb-h1" in note for note in launcher_files(placement, "megatron").notes)
    assert not any("schedule" in note for note in launcher_files(job(STEP, pp=2), "megatron").notes)
