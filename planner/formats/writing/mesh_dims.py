"""The dimensions of a mesh of ranks, for frameworks that name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.formats.writing.options import Option
from planner.workload.mesh import MESH_AXES

if TYPE_CHECKING:
    from planner.workload.mesh import Mesh

DIMS = Option("dims", "pp,dp,cp,tp", "the mesh's dimensions, slowest first; axes of one rank may be left out")


def dims_of(mesh: Mesh, text: str) -> tuple[str, ...]:
    """The dimensions that `text` lists.

    Raises
    ------
    UsageError
        ``E021`` where they are not the axes of `mesh`, each once.
    """
    dims = tuple(each.strip() for each in text.split(","))
    missing = [axis for axis in MESH_AXES if mesh.degree(axis) > 1 and axis not in dims]
    if missing or len(set(dims)) != len(dims) or not set(dims) <= set(MESH_AXES):
        raise UsageError.of(
            "E021",
            f"--option dims: {text!r} are not the axes of the job",
            expected=f"{', '.join(MESH_AXES)}, each once, in any order; those of one rank may be left out",
            suggestion=f"dims={DIMS.default}",
        )
    return dims


def mesh_plan(mesh: Mesh, text: str) -> dict[str, object]:
    """Degrees, order of ranks (fastest axis first) and dimensions, as the programs in the job read them."""
    return {
        "degrees": {axis: mesh.degree(axis) for axis in (*MESH_AXES, "ep", "edp")},
        "order": [axis for axis in mesh.rank_order if axis in MESH_AXES],
        "dims": list(dims_of(mesh, text)),
    }
