"""Megatron-Core: the parallel sizes, the order in which ranks run, and the launch that keeps it.

Megatron numbers its groups from the ranks alone (``RankGenerator`` of
``megatron/core/parallel_state.py``), so a placement is exact once every rank is on its host and
GPU and the order is the planned one. Megatron-LM's training scripts know two orders; a program that
calls ``initialize_model_parallel`` itself can pass any. Experts have a generator of their own, in
which ``ep`` and ``dp`` stand where the order has them, so that not every order folds them as planned.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import UsageError
from planner.formats.exporters import Export
from planner.formats.jobside import program
from planner.formats.writing.data import to_json
from planner.formats.writing.each_rank import NOTES, ON_THE_PATH, PROOF, START, launch_files
from planner.formats.writing.options import COMMAND, PORT, Option
from planner.formats.writing.seats import hosts_of, require_plain_names
from planner.placement.groups import groups_along
from planner.workload.job import Schedule
from planner.workload.load import job_of
from planner.workload.stages import sizes as chunk_sizes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from planner.placement.placement import Placement
    from planner.workload.mesh import Mesh
    from planner.workload.workload import Workload

    IntArray = NDArray[np.int64]

OPTIONS = (
    COMMAND,
    PORT,
    Option(
        "entry",
        "arguments",
        "whether the program reads Megatron-LM's arguments, or calls Megatron-Core through parallel.py",
        choices=("arguments", "core"),
    ),
)
ARGUMENT_ORDERS = {"tp-cp-ep-dp-pp": (), "tp-cp-ep-pp-dp": ("--use-tp-pp-dp-mapping",)}
"""Orders that Megatron-LM's training scripts know, with the arguments that choose them."""

ONE_CONNECTION = 'export CUDA_DEVICE_MAX_CONNECTIONS="${CUDA_DEVICE_MAX_CONNECTIONS:-1}"'
"""Megatron-LM refuses to overlap tensor-parallel communication without it."""

DENSE = {"tp": ("tp",), "cp": ("cp",), "dp": ("dp",), "pp": ("pp",), "dp-cp": ("dp", "cp")}
EXPERT = {"ep": ("ep",), "dp": ("edp",), "pp": ("pp",)}


def export(placement: Placement, options: dict[str, str]) -> Export:
    """Arguments, groups and launch scripts."""
    workload, hosts = placement.workload, hosts_of(placement)
    require_plain_names(hosts, "Megatron-Core")
    order = _order(workload.mesh, options["entry"])
    cut = layout(workload)
    plan = {"sizes": sizes(workload.mesh), "order": order, "world_size": workload.mesh.world_size}
    plan |= {} if cut is None else {"pipeline_model_parallel_layout": cut}
    files = {"megatron.json": to_json(plan), "groups.json": _groups(workload.mesh)}
    more, lines = "", [ONE_CONNECTION]
    if options["entry"] == "arguments":
        files["arguments"] = ("\n".join(arguments(workload, order)) + "\n").encode()
        more = '$(cat "$here/arguments")'
    else:
        files["parallel.py"] = program("parallel.py")
        lines.append(ON_THE_PATH)
    about = "Starts the ranks of this host under Megatron."
    files |= launch_files(hosts, about, options["command"], options["port"], *lines, more=more)
    return Export(
        files,
        command=START,
        notes=(*_notes(options["entry"], order, workload), *NOTES),
        executable=frozenset({"launch.sh", "start.sh"}),
        proof=PROOF,
    )


def _notes(entry: str, order: str, workload: Workload) -> Iterator[str]:
    if entry == "arguments":
        yield (
            "`arguments` has Megatron-LM's own words for the sizes and the order of ranks; `launch.sh`"
            " puts them behind the command, but not behind one that it is given. The model, the data and"
            " the optimizer are the command's."
        )
    else:
        yield (
            "`parallel.py` calls Megatron-Core's `initialize_model_parallel` with the planned sizes and"
            f" the order `{order}`; `launch.sh` puts it on the path of Python, for `import parallel`."
        )
    yield (
        "`groups.json` lists the ranks of every group; Megatron forms exactly these from the order alone,"
        " so do not sort hosts or number ranks otherwise."
    )
    if layout(workload) is not None:
        yield (
            "The layers are not cut evenly: `pipeline_model_parallel_layout` in `megatron.json` says which"
            " stage holds how many, for `TransformerConfig`"
            f"{'; `arguments` has it too' if entry == 'arguments' else ''}."
        )
    schedule = workload.description.get("schedule")
    if isinstance(schedule, str) and schedule not in ("1f1b", "interleaved"):
        yield f"The plan assumed the schedule {schedule}; Megatron-Core runs 1f1b, or interleaved."


def sizes(mesh: Mesh) -> dict[str, int | None]:
    """What ``initialize_model_parallel`` calls the degrees; it works data parallelism out itself."""
    return {
        "tensor_model_parallel_size": mesh.tp,
        "pipeline_model_parallel_size": mesh.pp,
        "virtual_pipeline_model_parallel_size": mesh.vp if mesh.vp > 1 else None,
        "context_parallel_size": mesh.cp,
        "expert_model_parallel_size": mesh.ep,
    }


def arguments(workload: Workload, order: str) -> list[str]:
    """Megatron-LM's arguments, one with its value an entry."""
    mesh = workload.mesh
    found = [
        f"--tensor-model-parallel-size {mesh.tp}",
        f"--pipeline-model-parallel-size {mesh.pp}",
        f"--context-parallel-size {mesh.cp}",
        f"--expert-model-parallel-size {mesh.ep}",
        f"--expert-tensor-parallel-size {mesh.tp}",
        *ARGUMENT_ORDERS[order],
    ]
    cut = layout(workload)
    if cut is not None:
        # Megatron takes the virtual stages from the layout, and no other word on them beside it.
        found.append(f"--pipeline-model-parallel-layout {cut}")
    elif mesh.vp > 1:
        found.append(f"--num-virtual-stages-per-pipeline-rank {mesh.vp}")
    return [*found, *_of_the_step(workload)]


def layout(workload: Workload) -> str | None:
    """Layers of each stage as Megatron's layout has them; None where it would cut them like that itself.

    ``E`` is the embedding, ``t`` a layer, ``L`` output and loss, ``|`` ends a stage; virtual stages go
    round as planned. Written out without its ``*``, which shells expand.
    """
    job = job_of(workload)
    if job is None or job.mesh.pp == 1 or job.schedule in (Schedule.ZB_V, Schedule.DUALPIPE):
        return None
    cut = chunk_sizes(job)
    if job.cut is None and len(set(cut)) == 1:
        return None
    return f"E{'|'.join('t' * layers for layers in cut)}L"


def _of_the_step(workload: Workload) -> Iterator[str]:
    """What the workload file says of a step, where it describes a model and not bare traffic."""
    told = workload.description
    batch = told.get("batch")
    if isinstance(batch, dict):
        yield f"--micro-batch-size {batch['micro']}"
        yield f"--global-batch-size {batch['global']}"
        yield f"--seq-length {batch['sequence']}"
    if told.get("model") and told.get("sequence_parallel", True) and workload.mesh.tp > 1:
        yield "--sequence-parallel"
    if told.get("data_parallel") == "distributed_optimizer":
        yield "--use-distributed-optimizer"


def _order(mesh: Mesh, entry: str) -> str:
    """The order string from which Megatron forms the planned groups.

    Raises
    ------
    UsageError
        ``E020`` where there is none.
    """
    own = [axis for axis in mesh.rank_order if axis != "ep"]
    others = ["-".join([*own[:at], "ep", *own[at:]]) for at in range(len(own) + 1)]
    for order in (*ARGUMENT_ORDERS, *others):
        if agrees(mesh, order):
            if order not in ARGUMENT_ORDERS and entry == "arguments":
                raise UsageError.of(
                    "E020",
                    f"no argument of Megatron-LM's training scripts gives the rank order {order}",
                    expected=f"{' or '.join(ARGUMENT_ORDERS)}, or one that forms the same groups",
                    suggestion="--option entry=core, for a program that calls Megatron-Core itself",
                )
            return order
    raise UsageError.of(
        "E020",
        f"Megatron-Core forms other expert groups in the rank order {'-'.join(mesh.rank_order)}",
        expected="pp last in rank_order, or ep that leaves the number of expert replicas at dp",
        suggestion="rank_order: tp-cp-ep-dp-pp in the workload, and a new plan",
    )


def agrees(mesh: Mesh, order: str) -> bool:
    """Whether Megatron accepts `order` for the job and forms from it exactly the planned groups."""
    if not (order.endswith("pp") or mesh.pp == 1 or mesh.edp == mesh.dp):
        return False
    dense = {"tp": mesh.tp, "cp": mesh.cp, "ep": 1, "dp": mesh.dp, "pp": mesh.pp}
    expert = {"tp": mesh.tp, "cp": 1, "ep": mesh.ep, "dp": mesh.edp, "pp": mesh.pp}
    same = (_same(mesh, order, dense, token, DENSE[token]) for token in ("tp", "cp", "dp", "pp"))
    folded = (_same(mesh, order, expert, token, EXPERT[token]) for token in EXPERT)
    return all(same) and all(folded)


def _same(mesh: Mesh, order: str, degrees: Mapping[str, int], token: str, axes: tuple[str, ...]) -> bool:
    theirs, ours = generated(order, degrees, token), groups_along(mesh, axes).members
    return theirs.shape == ours.shape and bool((theirs == ours[np.argsort(ours[:, 0])]).all())


def generated(order: str, degrees: Mapping[str, int], token: str) -> IntArray:
    """Groups along the axis `token`, as ``RankGenerator`` forms them, in the order of their first ranks."""
    axes = order.split("-")
    # The last index of an array runs fastest, in Megatron the first axis of the order.
    grid = np.arange(np.prod(list(degrees.values()))).reshape([degrees[axis] for axis in reversed(axes)])
    groups = np.moveaxis(grid, len(axes) - 1 - axes.index(token), -1).reshape(-1, degrees[token])
    return groups[np.argsort(groups[:, 0])]


def _groups(mesh: Mesh) -> bytes:
    """Every group of every kind that Megatron forms, a group a line."""
    named = {**DENSE, **({"ep": ("ep",), "expert-dp": ("edp",)} if mesh.ep > 1 else {})}
    parts = [f'"{name}": [\n{_lines(mesh, axes)}\n]' for name, axes in named.items()]
    return ("{\n" + ",\n".join(parts) + "\n}\n").encode()


def _lines(mesh: Mesh, axes: tuple[str, ...]) -> str:
    fastest_first = sorted(axes, key=mesh.rank_order.index) if len(axes) > 1 else axes
    return ",\n".join(
        json.dumps(group) for group in groups_along(mesh, tuple(fastest_first)).members.tolist()
    )
