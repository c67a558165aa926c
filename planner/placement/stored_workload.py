"""A workload and the claims as sections of the placement file, and back."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, cast

from planner.placement.placement import Claims, TierClaim
from planner.placement.schema import (
    ClaimsSection,
    FamilySection,
    MeshSection,
    TierClaimSection,
    WorkloadSection,
)
from planner.workload.family import Family, Kind
from planner.workload.mesh import MESH_AXES, Mesh
from planner.workload.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from planner.placement.schema import AxisName
    from planner.topology.cluster import Cluster

MESH_DEGREES = ("tp", "cp", "ep", "dp", "pp", "vp")


def workload_section(workload: Workload) -> WorkloadSection:
    """The section that `workload_of` turns back into the same workload."""
    mesh, memory = workload.mesh, workload.memory_bytes
    degrees = {axis: mesh.degree(axis) for axis in MESH_DEGREES}
    return WorkloadSection(
        name=workload.name,
        mesh=MeshSection(**degrees, rank_order=list(mesh.rank_order)),
        families=[
            FamilySection(
                name=family.name,
                axes=cast("list[AxisName]", list(family.axes)),
                kind=family.kind,
                payload_bytes=[float(each) for each in family.payload_bytes],
                stages=None if family.stages is None else list(family.stages),
            )
            for family in workload.families
        ],
        keep={str(axis): str(tier) for axis, tier in workload.keep.items()},
        memory_bytes=None if memory is None else [float(each) for each in memory],
        description=json.loads(json.dumps(dict(workload.description), default=str)),
    )


def workload_of(section: WorkloadSection, cluster: Cluster) -> Workload:
    """The workload that a section describes.

    Raises
    ------
    ValueError
        Where parts of it contradict each other or the cluster, with what is wrong.
    """
    degrees = {axis: getattr(section.mesh, axis) for axis in MESH_DEGREES}
    mesh = Mesh(**degrees, rank_order=tuple(section.mesh.rank_order))
    axes = [axis for axis in mesh.rank_order if axis != "ep"]
    _require(sorted(axes) == sorted(MESH_AXES), "mesh.rank_order", "each axis once")
    _require(mesh.cp * mesh.dp % mesh.ep == 0, "mesh.ep", "a divisor of cp * dp")
    families = tuple(_family(each, mesh, index) for index, each in enumerate(section.families))
    _require(len({each.name for each in families}) == len(families), "families", "different names")
    memory = section.memory_bytes
    _require(memory is None or len(memory) == mesh.pp, "memory_bytes", f"{mesh.pp} entries, one a stage")
    tiers = [tier.name for tier in cluster.tiers]
    for axis, tier in section.keep.items():
        _require(axis in (*MESH_AXES, "ep", "edp"), "keep", f"an axis, not {axis!r}")
        _require(tier in tiers, f"keep.{axis}", f"one of the tiers {', '.join(tiers)}")
    return Workload(
        section.name,
        mesh,
        families,
        section.keep,
        None if memory is None else tuple(memory),
        section.description,
    )


def _require(holds: object, part: str, expected: str) -> None:
    if not holds:
        raise ValueError(f"workload.{part}: expected {expected}")


def _family(section: FamilySection, mesh: Mesh, index: int) -> Family:
    part, axes = f"families.{index}", section.axes
    _require(section.kind is not Kind.P2P, f"{part}.kind", "path or ring")
    _require(len(set(axes)) == len(axes), f"{part}.axes", "each axis once")
    folded = {"ep", "edp"} & set(axes) and {"cp", "dp"} & set(axes)
    _require(not folded, f"{part}.axes", "either cp and dp, or ep and edp")
    stages = section.stages
    ascend = stages is None or (len(stages) > 0 and stages == sorted({*stages}) and stages[-1] < mesh.pp)
    _require(ascend, f"{part}.stages", f"ascending stages below {mesh.pp}")
    wanted = _payloads(section.kind, axes, mesh, stages)
    _require(len(section.payload_bytes) in wanted, f"{part}.payload_bytes", f"{wanted[0]} entries")
    return Family(
        section.name,
        tuple(axes),
        section.kind,
        tuple(section.payload_bytes),
        None if stages is None else tuple(stages),
    )


def _payloads(kind: Kind, axes: Sequence[str], mesh: Mesh, stages: Sequence[int] | None) -> tuple[int, ...]:
    """How many payloads such a family may have; a group of one rank has no pair to pay for."""
    if "pp" not in axes:
        return (mesh.pp,)
    ranks = math.prod(len(stages) if axis == "pp" and stages else mesh.degree(axis) for axis in axes)
    if kind not in (Kind.PATH, Kind.RING):
        return (1,)
    return (ranks - 1,) if kind is Kind.PATH else ((ranks,) if ranks > 1 else (ranks, 0))


def claims_section(claims: Claims) -> ClaimsSection:
    """The section that `claims_of` turns back into the same claims."""
    return ClaimsSection(
        objective=claims.objective,
        value=_cost(claims.value),
        lower_bound=_cost(claims.lower_bound),
        gap=_cost(claims.gap),
        status=claims.status,
        weighted_s=_cost(claims.weighted_s),
        tiers=[
            TierClaimSection(
                tier=each.tier,
                crossing_bytes=float(each.crossing_bytes),
                lower_bound_bytes=float(each.lower_bound_bytes),
            )
            for each in claims.tiers
        ],
    )


def claims_of(section: ClaimsSection) -> Claims:
    """The claims that a section states; its gap follows from them."""
    return Claims(
        section.objective,
        float(section.value),
        float(section.lower_bound),
        section.status,
        float(section.weighted_s),
        tuple(TierClaim(each.tier, each.crossing_bytes, each.lower_bound_bytes) for each in section.tiers),
    )


def _cost(value: float) -> float | Literal["inf"]:
    """A number that JSON can hold."""
    return "inf" if math.isinf(value) else float(value)
