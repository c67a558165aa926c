"""The orders in which frameworks and launchers place a job that nobody planned.

Each order is a rule of two parts: how devices are numbered, and how the mesh's ranks run through
that numbering. GPUs are the available ones in host order, as many as the job has ranks.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.groups import groups_along
from planner.topology.names import natural
from planner.workload.mesh import MESH_AXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from planner.topology.cluster import Cluster
    from planner.workload.mesh import Mesh
    from planner.workload.workload import Workload

    IntArray = NDArray[np.int32]
    BoolArray = NDArray[np.bool_]

MEGATRON_AXES = ("tp", "cp", "dp", "pp")
FOLDED_AXES = ("tp", "ep", "edp", "pp")


class NotApplicableError(Exception):
    """A framework refuses this job or these GPUs; the text says why."""


@dataclass(frozen=True, eq=False)
class Order:
    """A job in the order that one framework gives it.

    Parameters
    ----------
    name
        ``megatron``, ``torchrun`` and so on.
    gpu_of_rank
        GPU of every rank, shape (world_size,); None where the framework refuses.
    reason
        Why it refuses.
    keeps_rules
        Whether the workload's ``keep`` rules hold.
    """

    name: str
    gpu_of_rank: IntArray | None
    reason: str | None = None
    keeps_rules: bool = False


def megatron(cluster: Cluster, mesh: Mesh, available: BoolArray) -> IntArray:
    """Megatron-Core's default order ``tp-cp-ep-dp-pp``.

    ``RankGenerator`` in ``megatron/core/parallel_state.py``: the leftmost axis of the order string
    runs fastest. Global ranks follow the hosts as the launcher numbers them.
    """
    return _by_axes(mesh, MEGATRON_AXES, _host_order(cluster, mesh, available))


def megatron_pp_before_dp(cluster: Cluster, mesh: Mesh, available: BoolArray) -> IntArray:
    """Megatron-Core's other order, ``tp-cp-ep-pp-dp`` (``--use-tp-pp-dp-mapping``).

    ``initialize_model_parallel`` demands that ``pp`` comes last, unless there is one stage or
    dense and expert layers have the same data-parallel size.
    """
    if mesh.pp > 1 and mesh.edp != mesh.dp:
        raise NotApplicableError(
            "Megatron wants pp last where expert and dense data-parallel sizes differ: "
            f"{mesh.edp} and {mesh.dp}"
        )
    return _by_axes(mesh, ("tp", "cp", "pp", "dp"), _host_order(cluster, mesh, available))


def deepspeed(cluster: Cluster, mesh: Mesh, available: BoolArray) -> IntArray:
    """DeepSpeed's grid, hosts in the order of the hostfile.

    ``PipeModelDataParallelTopology`` in ``deepspeed/runtime/pipe/topology.py`` has the axes pipe,
    data, model, and ranks are row-major over them: model runs fastest, pipe slowest.
    """
    if mesh.cp > 1:
        raise NotApplicableError("DeepSpeed's topology has the axes pipe, data and model, no context axis")
    return _by_axes(mesh, ("tp", "cp", "dp", "pp"), _host_order(cluster, mesh, available))


def jax_device_mesh(cluster: Cluster, mesh: Mesh, available: BoolArray) -> IntArray:
    """JAX's ``create_device_mesh`` with MaxText's axes, on GPUs.

    ``jax/_src/mesh_utils.py``: off TPUs the devices, sorted by id, are reshaped to the mesh
    (row-major). MaxText's ``mesh_axes`` (``configs/base.yml``) run data, stage, fsdp, sequence,
    context, tensor, expert from the slowest to the fastest.
    """
    return _by_axes(mesh, _maxtext_axes(mesh), _host_order(cluster, mesh, available))


def jax_hybrid_device_mesh(cluster: Cluster, mesh: Mesh, available: BoolArray) -> IntArray:
    """JAX's ``create_hybrid_device_mesh`` with MaxText's axes, one granule a host.

    ``jax/_src/mesh_utils.py``: devices are grouped by slice, or by process; each granule is
    reshaped to the inner shape, granules in order to the outer shape, and axis i of the result is
    outer i times inner i. Granules of another size than the inner shape, or another number of them
    than the outer shape, are an error. A host of GPUs is its own granule. Axes are given to the
    inner shape from the fastest on, as much of each as divides what is left of a host.
    """
    return _hybrid(cluster, mesh, _maxtext_axes(mesh), available)


def jax_hybrid_fsdp_mesh(cluster: Cluster, mesh: Mesh, available: BoolArray) -> IntArray:
    """As `jax_hybrid_device_mesh`, data-parallel ranks along MaxText's axis fsdp, which runs inside stage."""
    axes = ("ep", "tp", "edp", "pp") if mesh.ep > 1 else ("tp", "cp", "dp", "pp")
    return _hybrid(cluster, mesh, axes, available)


def _hybrid(cluster: Cluster, mesh: Mesh, axes: Sequence[str], available: BoolArray) -> IntArray:
    """Ranks granule by granule, a host each; `axes` fastest first."""
    devices = _host_order(cluster, mesh, available)
    # Devices of the granules that the job touches, those of them that it would leave free included.
    nodes, sizes = np.unique(cluster.gpu_node[available], return_counts=True)
    sizes = sizes[np.isin(nodes, cluster.gpu_node[devices])]
    if len(set(sizes.tolist())) > 1:
        raise NotApplicableError(
            f"hosts of {sizes.min()} and of {sizes.max()} GPUs: all granules must be of the inner shape"
        )
    granule = int(sizes[0])
    if mesh.world_size % granule:
        raise NotApplicableError(f"{mesh.world_size} ranks are no whole number of hosts of {granule} GPUs")
    return devices[_hybrid_position(mesh, axes, granule)]


def torchrun(cluster: Cluster, mesh: Mesh, available: BoolArray) -> IntArray:
    """Torchrun with the c10d rendezvous: hosts sorted by their names as text.

    ``torch/distributed/elastic/rendezvous/dynamic_rendezvous.py`` numbers the participants as
    ``sorted`` gives them, and a participant compares by its address first: node10 before node2.
    On top runs Megatron's default order.
    """
    by_name = sorted(range(cluster.nodes), key=cluster.host_names.__getitem__)
    return _by_axes(mesh, MEGATRON_AXES, _order_of(by_name, cluster, mesh, available))


def slurm_block(cluster: Cluster, mesh: Mesh, available: BoolArray) -> IntArray:
    """Slurm's ``--distribution=block``: consecutive tasks share a node (srun manual).

    Slurm sorts nodes by their names, numbers in them as numbers, whatever order they are configured
    or asked for in; newer versions by leaf switch where TopologyParam=SwitchAsNodeRank is set. On top
    runs Megatron's default order.
    """
    return _by_axes(mesh, MEGATRON_AXES, _slurm_order(cluster, mesh, available))


def slurm_cyclic(cluster: Cluster, mesh: Mesh, available: BoolArray) -> IntArray:
    """Slurm's ``--distribution=cyclic``: tasks go to the nodes in turn, one each (srun manual).

    Nodes come in the order of `slurm_block`; one that is full is passed over. On top runs Megatron's
    default order.
    """
    devices = _slurm_order(cluster, mesh, available)
    node = cluster.gpu_node[devices]
    starts = np.flatnonzero(np.concatenate(([True], node[1:] != node[:-1])))
    turn = np.arange(len(node)) - np.repeat(starts, np.diff(starts, append=len(node)))
    # A stable sort: within a turn nodes stay in their order.
    return _by_axes(mesh, MEGATRON_AXES, devices[np.argsort(turn, kind="stable")])


FRAMEWORKS: dict[str, Callable[[Cluster, Mesh, BoolArray], IntArray]] = {
    "megatron": megatron,
    "megatron-pp-before-dp": megatron_pp_before_dp,
    "deepspeed": deepspeed,
    "jax": jax_device_mesh,
    "jax-hybrid": jax_hybrid_device_mesh,
    "torchrun": torchrun,
    "slurm-block": slurm_block,
    "slurm-cyclic": slurm_cyclic,
}


def default_orders(cluster: Cluster, workload: Workload, available: BoolArray) -> Iterator[Order]:
    """The job in every framework's default order.

    Parameters
    ----------
    available
        GPUs that may hold a rank, shape (gpus,), at least as many as there are ranks.
    """
    for name, rule in FRAMEWORKS.items():
        try:
            gpu_of_rank = rule(cluster, workload.mesh, available)
        except NotApplicableError as error:
            yield Order(name, None, str(error))
            continue
        yield Order(name, gpu_of_rank, None, keeps_rules(cluster, workload, gpu_of_rank))


def axis_orders(cluster: Cluster, workload: Workload, available: BoolArray) -> Iterator[Order]:
    """The job in every order of its axes over the hosts as they come, named ``tp-dp-pp``.

    Axes of one rank make no difference and are left out; where there are experts also the orders
    of the folded axes, ``ep`` and ``edp`` in place of ``cp`` and ``dp``.
    """
    mesh, devices = workload.mesh, _host_order(cluster, workload.mesh, available)
    for basis in (MESH_AXES, FOLDED_AXES) if mesh.ep > 1 else (MESH_AXES,):
        for axes in permutations([axis for axis in basis if mesh.degree(axis) > 1]):
            gpu_of_rank = _by_axes(mesh, axes, devices)
            yield Order("-".join(axes), gpu_of_rank, None, keeps_rules(cluster, workload, gpu_of_rank))


def random_orders(
    cluster: Cluster, workload: Workload, available: BoolArray, *, seed: int, count: int
) -> Iterator[Order]:
    """The job on available GPUs drawn at random, `count` times; the same for the same seed."""
    draw = np.random.default_rng(seed)
    gpus = np.flatnonzero(available).astype(np.int32)
    for index in range(count):
        gpu_of_rank = draw.permutation(gpus)[: workload.mesh.world_size]
        yield Order(f"random-{index}", gpu_of_rank, None, keeps_rules(cluster, workload, gpu_of_rank))


def keeps_rules(cluster: Cluster, workload: Workload, gpu_of_rank: IntArray) -> bool:
    """Whether every group of a ``keep`` axis touches one domain of its tier."""
    for axis, tier in workload.keep.items():
        domain = cluster.domain_of_gpu[cluster.tier_index(tier)][gpu_of_rank]
        held = domain[groups_along(workload.mesh, (axis,)).members]
        if (held != held[:, :1]).any():
            return False
    return True


def _host_order(cluster: Cluster, mesh: Mesh, available: BoolArray) -> IntArray:
    """As many available GPUs as there are ranks, host by host as the topology lists them."""
    gpus = np.flatnonzero(available)[: mesh.world_size].astype(np.int32)
    if len(gpus) < mesh.world_size:
        raise ValueError(f"{len(gpus)} GPUs of {cluster.name} for {mesh.world_size} ranks")
    return gpus


def _slurm_order(cluster: Cluster, mesh: Mesh, available: BoolArray) -> IntArray:
    """As many available GPUs as there are ranks, hosts in the order of their names: node2 before node10."""
    return _order_of(_natural_order(cluster.host_names), cluster, mesh, available)


def _natural_order(names: Sequence[str]) -> NDArray[np.int64]:
    """Places of the names in the order of `natural`, shape (names,).

    Names with digits at the same places, as most sites pad their numbers, are in that order when they
    are sorted as text, which is far quicker.
    """
    letters = np.asarray(names, np.str_)
    codes = np.ascontiguousarray(letters).view(np.uint32).reshape(len(letters), -1)
    # A name that is shorter than others ends in zeros.
    kinds = np.where((codes >= ord("0")) & (codes <= ord("9")), 1, np.where(codes == 0, 2, 0))
    if (kinds == kinds[0]).all():
        return np.argsort(letters, kind="stable")
    return np.asarray(sorted(range(len(names)), key=lambda place: natural(names[place])), np.int64)


def _order_of(
    nodes: Sequence[int] | NDArray[np.int64], cluster: Cluster, mesh: Mesh, available: BoolArray
) -> IntArray:
    """As many available GPUs as there are ranks, host by host in the order of `nodes`."""
    place = np.argsort(np.asarray(nodes))
    gpus = np.flatnonzero(available).astype(np.int32)
    return gpus[np.argsort(place[cluster.gpu_node[gpus]], kind="stable")][: mesh.world_size]


def _by_axes(mesh: Mesh, axes: Sequence[str], devices: IntArray) -> IntArray:
    """Ranks run through `devices` with the first of `axes` fastest; shape (world_size,)."""
    return devices[_position(mesh, axes)]


def _position(mesh: Mesh, axes: Sequence[str]) -> NDArray[np.int64]:
    ranks = np.arange(mesh.world_size)
    position, step = np.zeros(mesh.world_size, np.int64), 1
    for axis in axes:
        position += step * mesh.coordinate(axis, ranks)
        step *= mesh.degree(axis)
    return position


def _maxtext_axes(mesh: Mesh) -> tuple[str, ...]:
    """MaxText's axes, fastest first; with experts, context ranks are part of the folded axes."""
    return ("ep", "tp", "pp", "edp") if mesh.ep > 1 else ("tp", "cp", "pp", "dp")


def _hybrid_position(mesh: Mesh, axes: Sequence[str], granule: int) -> NDArray[np.int64]:
    """Place of every rank in the devices, granule by granule."""
    ranks, left = np.arange(mesh.world_size), granule
    within = np.zeros(mesh.world_size, np.int64)
    outside, step_within, step_outside = within.copy(), 1, 1
    for axis in axes:
        inner = gcd(left, mesh.degree(axis))
        left //= inner
        index = mesh.coordinate(axis, ranks).astype(np.int64)
        within += step_within * (index % inner)
        outside += step_outside * (index // inner)
        step_within *= inner
        step_outside *= mesh.degree(axis) // inner
    if left > 1:
        raise NotApplicableError(f"no inner shape of these axes fills a host of {granule} GPUs")
    return outside * granule + within
