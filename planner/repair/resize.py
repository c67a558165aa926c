"""The same job with fewer or more data-parallel replicas.

Replicas come and go in units: as many consecutive data-parallel indices as hold whole expert groups.
Those that go on keep all they are made of and only change their number; each keeps its microbatches, so
the global batch grows and shrinks with the replicas.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InputError
from planner.repair.memory import large_enough
from planner.repair.room import most_parts
from planner.repair.rules import levels_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.topology.cluster import Cluster
    from planner.workload.mesh import Mesh
    from planner.workload.workload import Workload

    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int32]


def resized(workload: Workload, dp: int, *, keep_batch: bool = False) -> Workload:
    """The job with another number of replicas.

    Parameters
    ----------
    dp
        The new degree, a multiple of the unit.
    keep_batch
        Whether the global batch stays as it is, so that replicas run more or fewer microbatches.

    Raises
    ------
    InputError
        Where the job cannot have so many replicas: the batch does not divide, or the schedule needs
        more microbatches.
    """
    if dp == workload.mesh.dp:
        return workload
    if not workload.description:
        return replace(workload, mesh=replace(workload.mesh, dp=dp))

    # Where no replica goes there is no file to be built from, and its reader need not be loaded.
    from planner.workload.load import build_workload

    description = dict(workload.description)
    description["parallelism"] = {**_mapping(description["parallelism"]), "dp": dp}
    if "batch" in description and not keep_batch:
        batch = _mapping(description["batch"])
        description["batch"] = {**batch, "global": int(str(batch["global"])) // workload.mesh.dp * dp}
    built = build_workload(description, workload.name)
    # Of a served model the description does not say what memory it needs; replicas do not change it.
    return built if built.memory_bytes else replace(built, memory_bytes=workload.memory_bytes)


def _mapping(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


@dataclass(frozen=True, eq=False)
class Resize:
    """The job with the replicas that go on, and where their ranks were.

    Parameters
    ----------
    workload
        The new job.
    units
        Unit of the old job that each unit of the new one was, shape (new units,); -1 for a new one.
    """

    workload: Workload
    units: IntArray

    def old_rank(self, old: Mesh) -> IntArray:
        """Rank in the old job of each rank's part, shape (world_size,); -1 for new parts."""
        mesh = self.workload.mesh
        ranks = np.arange(mesh.world_size, dtype=np.int32)
        if mesh == old and np.array_equal(self.units, np.arange(len(self.units))):
            return ranks
        size = old.dp_unit
        dp = mesh.coordinate("dp", ranks)
        unit = self.units[dp // size]
        coordinates = {axis: mesh.coordinate(axis, ranks) for axis in ("tp", "cp", "pp")}
        found = old.rank({**coordinates, "dp": np.maximum(unit, 0) * size + dp % size})
        return np.where(unit >= 0, found, -1).astype(np.int32)


def unit_of_rank(mesh: Mesh) -> IntArray:
    """Unit of each rank, shape (world_size,)."""
    unit: IntArray = mesh.coordinate("dp", np.arange(mesh.world_size)) // mesh.dp_unit
    return unit


def fewer_replicas(
    workload: Workload, cluster: Cluster, available: BoolArray, *, keep_batch: bool = False
) -> Workload | None:
    """The job with as many replicas as there is room for, and no more than it has; None for none.

    Parameters
    ----------
    available
        GPUs that may hold a rank, shape (gpus,).
    """
    mesh = workload.mesh
    step = mesh.dp_unit
    for units in range(_units_that_fit(workload, cluster, available, mesh.dp // step), 0, -1):
        if keep_batch and _leaves_rest(workload, units * step):
            continue
        try:
            return resized(workload, units * step, keep_batch=keep_batch)
        except InputError:
            # So few replicas do not go with the schedule; fewer may.
            continue
    return None


def room_made(workload: Workload, before: Cluster, after: Cluster, available: BoolArray) -> int | None:
    """The data-parallel degree for which hardware that returned has made room.

    None where nothing returned, or there is room for no more than before or than the job has.

    Parameters
    ----------
    before, after
        The hardware as it was and as it is.
    available
        GPUs of `after` that may hold a rank, shape (gpus,).
    """
    if not (after.gpu_in_service & ~before.gpu_in_service).any():
        return None
    large = large_enough(after, workload)
    could = before.gpu_in_service & ~before.gpu_spare
    room = _dp_with_room(workload, after, available & large)
    had = max(workload.mesh.dp, _dp_with_room(workload, before, could & large))
    return room if room > had else None


def _dp_with_room(workload: Workload, cluster: Cluster, available: BoolArray) -> int:
    """The largest degree for which counting finds room, also beyond the one that the job has."""
    mesh = workload.mesh
    unit_ranks = mesh.world_size // mesh.dp * mesh.dp_unit
    most = int(np.count_nonzero(available)) // unit_ranks
    return _units_that_fit(workload, cluster, available, most) * mesh.dp_unit


def _units_that_fit(workload: Workload, cluster: Cluster, available: BoolArray, most: int) -> int:
    """The most units, up to `most`, for which counting finds room."""
    mesh = workload.mesh
    step = mesh.dp_unit
    if set(workload.keep) <= {"tp", "cp", "ep"}:
        # What these rules bind lies in one unit, however many there are.
        room = most_parts(cluster, levels_of(cluster, workload), available)
        return min(room * mesh.dp // mesh.world_size // step, most)
    fits, fails = 0, most + 1
    while fails - fits > 1:
        middle = (fits + fails) // 2
        if has_room(_with_dp(workload, middle * step), cluster, available):
            fits = middle
        else:
            fails = middle
    return fits


def has_room(workload: Workload, cluster: Cluster, available: BoolArray) -> bool:
    """Whether counting finds room for the job, whole parts where rules bind ranks."""
    world = workload.mesh.world_size
    if np.count_nonzero(available) < world:
        return False
    return most_parts(cluster, levels_of(cluster, workload), available) >= world


def _with_dp(workload: Workload, dp: int) -> Workload:
    """The job with other replicas as far as room for it goes."""
    return replace(workload, mesh=replace(workload.mesh, dp=dp))


def _leaves_rest(workload: Workload, dp: int) -> bool:
    """Whether the global batch does not divide among so many replicas."""
    if "batch" not in workload.description:
        return False
    batch = _mapping(workload.description["batch"])
    return bool(int(str(batch["global"])) % (int(str(batch["micro"])) * dp))
