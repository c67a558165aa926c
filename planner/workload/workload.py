"""A workload: the mesh, the families of groups with their payloads, the rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.errors import Position
    from planner.workload.family import Family
    from planner.workload.mesh import Mesh


@dataclass(frozen=True)
class Workload:
    """One job, as the solver sees it.

    Parameters
    ----------
    name
        Name of the workload.
    mesh
        Degrees and rank order.
    families
        Groups and payloads, of every axis.
    keep
        Hard rules: a group of this axis touches one domain of that tier.
    memory_bytes
        Bytes a GPU of each stage needs, shape (pp,); None where no model is given.
    description
        The authored document (plain data), kept so that a placement file can say what was planned.
        Defaults are filled in and a model's shape stands in place of its name.
    keep_positions
        Where each rule of `keep` stands in the authored file, for messages.
    """

    name: str
    mesh: Mesh
    families: tuple[Family, ...]
    keep: Mapping[str, str] = field(default_factory=dict)
    memory_bytes: tuple[float, ...] | None = None
    description: Mapping[str, object] = field(default_factory=dict)
    keep_positions: Mapping[str, Position] = field(default_factory=dict, compare=False)
