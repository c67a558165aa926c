"""Placements planned once and kept, so that many tests can look at one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.placement.placement import Objective
from planner.source import read_document
from planner.strategy.balance import balance
from planner.testing.traffic import assert_checked
from planner.topology.cluster import Cluster
from planner.topology.load import load_topology
from planner.workload.load import load_workload
from planner.workload.workload import Workload

if TYPE_CHECKING:
    import os
    from collections.abc import Hashable

    from planner.library import Kind
    from planner.placement.placement import Placement


class PlanningSession:
    """Plans each combination of inputs and options once.

    Files count as the same where their contents and includes are, objects where they are the same
    object.
    """

    def __init__(self) -> None:
        self._placements: dict[Hashable, Placement] = {}
        self._inputs: list[object] = []

    def plan(
        self,
        topology: Cluster | str | os.PathLike[str],
        workload: Workload | str | os.PathLike[str],
        *,
        objective: str = Objective.WEIGHTED,
        time_limit_s: float | None = None,
        seed: int = 0,
        deterministic: bool = True,
    ) -> Placement:
        """A placement that the independent checker has passed.

        Parameters
        ----------
        topology, workload
            A path, the name of one that ships with the planner, or what `planner.load_topology`
            and `planner.load_workload` return.
        objective, time_limit_s, seed, deterministic
            As `planner.solve` takes them.

        Raises
        ------
        PlannerError
            Where an input is wrong or the job cannot be placed.
        """
        from planner.solve import solve

        options: dict[str, Any] = {
            "objective": objective,
            "time_limit_s": time_limit_s,
            "seed": seed,
            "deterministic": deterministic,
        }
        key = (self._key(topology, "topology"), self._key(workload, "workload"), *options.values())
        if key not in self._placements:
            cluster = topology if isinstance(topology, Cluster) else load_topology(topology)
            job = workload if isinstance(workload, Workload) else load_workload(workload)
            placement = solve(cluster, balance(cluster, job), **options).placement
            assert_checked(placement)
            self._placements[key] = placement
        return self._placements[key]

    def _key(self, source: object, kind: Kind) -> Hashable:
        if isinstance(source, (Cluster, Workload)):
            # Kept, so that no later object can have the same id.
            self._inputs.append(source)
            return id(source)
        return read_document(source, kind).digest  # type: ignore[arg-type]
