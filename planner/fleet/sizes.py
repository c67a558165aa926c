"""The sizes that a job may have, and its workload at each of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from planner.errors import InputError
from planner.fleet.placed import SizeRange
from planner.workload.load import build_workload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.workload.workload import Workload

Measured = Literal["dp", "replicas"]
BatchMode = Literal["fixed", "per_replica"]


@dataclass(frozen=True, eq=False)
class Sizes:
    """The sizes that a job may have.

    Parameters
    ----------
    base
        The workload as it was written.
    measured
        What a size counts: data-parallel replicas, or copies of the workload.
    values
        The sizes, ascending; one of them where the job is not elastic.
    batch
        What another size does to the global batch of a model: it stays, or grows with the replicas.
    """

    base: Workload
    measured: Measured
    values: Sequence[int]
    batch: BatchMode = "fixed"

    @property
    def elastic(self) -> bool:
        """Whether there is more than one size."""
        return len(self.values) > 1

    def dp(self, size: int) -> int:
        """Degree of data parallelism at a size."""
        return size if self.measured == "dp" else size * self.base.mesh.dp

    def ranks(self, size: int) -> int:
        """Ranks of the job at a size."""
        mesh = self.base.mesh
        return mesh.world_size // mesh.dp * self.dp(size)

    @property
    def span(self) -> SizeRange:
        """The same without the workload, as a placed job keeps it."""
        least, most = self.dp(self.values[0]), self.dp(self.values[-1])
        step = self.base.mesh.dp if self.measured == "replicas" else self.base.mesh.dp_unit
        # Copies keep what each of them does.
        batch = "per_replica" if self.measured == "replicas" else self.batch
        return SizeRange(self.measured, least, most, step, batch)

    def workload(self, size: int) -> Workload:
        """The workload at a size.

        Raises
        ------
        InputError
            Where it cannot have that size, with every reason.
        """
        mesh, dp = self.base.mesh, self.dp(size)
        if dp == mesh.dp:
            return self.base
        built = build_workload(resized(self.base, dp, self.batch), f"{self.base.name} with dp {dp}")
        # Of a served model the description does not say what memory it needs.
        return built if built.memory_bytes else replace(built, memory_bytes=self.base.memory_bytes)


def resized(workload: Workload, dp: int, batch: BatchMode) -> dict[str, object]:
    """The description of `workload` with another degree of data parallelism."""
    description: dict[str, Any] = dict(workload.description)
    description["parallelism"] = {**description["parallelism"], "dp": dp}
    if batch == "per_replica" and "batch" in description:
        total = description["batch"]["global"]
        description["batch"] = {**description["batch"], "global": total // workload.mesh.dp * dp}
    return description


def possible_dp(workload: Workload, least: int, most: int, batch: BatchMode) -> list[int]:
    """Degrees of data parallelism from `least` to `most` that counting lets through, ascending.

    Expert groups stay whole, and a global batch that stays must divide among the replicas. What
    else a schedule may ask of the number of microbatches, only the workload at that size says.
    """
    mesh = workload.mesh
    step = mesh.ep // math.gcd(mesh.ep, mesh.cp)
    degrees = range(-(-least // step) * step, most + 1, step)
    described: Any = workload.description.get("batch")
    if batch == "per_replica" or described is None:
        return list(degrees)
    samples = described["global"] // described["micro"]
    return [dp for dp in degrees if samples % dp == 0]


def valid_dp(workload: Workload, degrees: Sequence[int], batch: BatchMode) -> list[int]:
    """Those of `degrees` at which the workload can be made."""
    if batch == "per_replica" or "batch" not in workload.description:
        # Each replica does what it did, so that one of them answers for all.
        return list(degrees) if degrees and _can_be(workload, degrees[0], batch) else []
    return [dp for dp in degrees if _can_be(workload, dp, batch)]


def _can_be(workload: Workload, dp: int, batch: BatchMode) -> bool:
    try:
        build_workload(resized(workload, dp, batch))
    except InputError:
        return False
    return True


def speaks_between_copies(workload: Workload) -> bool:
    """Whether two copies of `workload` as one job would have something to say to each other."""
    two = build_workload(resized(workload, 2 * workload.mesh.dp, "per_replica"))
    return any({"dp", "edp"} & set(family.axes) for family in two.families)
