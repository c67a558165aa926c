"""Families from payloads that are given outright."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.workload.family import Family, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.workload.mesh import Mesh
    from planner.workload.schema import TrafficFamily, WorkloadFile

AXES = ("tp", "cp", "ep", "dp", "pp", "edp")
PAIRWISE = (Kind.PATH, Kind.RING)


def traffic_entries(file: WorkloadFile) -> Iterator[tuple[str, tuple[int, ...], TrafficFamily]]:
    """Each family given: its axis, its index where the axis has a list, and itself."""
    for axis, given in (file.traffic or {}).items():
        if isinstance(given, list):
            yield from ((axis, (index,), entry) for index, entry in enumerate(given))
        else:
            yield axis, (), given


def family_kind(file: WorkloadFile, axis: str, name: str) -> Kind:
    """The kind that an authored one means: p2p is a path, or a ring of stages with vp > 1."""
    if name != Kind.P2P:
        return Kind(name)
    return Kind.RING if axis == "pp" and file.parallelism.vp > 1 else Kind.PATH


def entry_count(file: WorkloadFile, axis: str, name: str) -> int:
    """Number of payloads of a family: one a stage; on pp one a pair of neighbours, or just one."""
    pp, kind = file.parallelism.pp, family_kind(file, axis, name)
    if axis != "pp":
        return pp
    if kind not in PAIRWISE:
        return 1
    return pp - 1 if kind is Kind.PATH else pp


def traffic_families(file: WorkloadFile, mesh: Mesh) -> tuple[Family, ...]:
    """The families of `traffic`; groups of one rank move nothing and make none."""
    families: dict[str, Family] = {}
    for axis, index, entry in traffic_entries(file):
        if mesh.degree(axis) == 1:
            continue
        name = _unique(f"{axis}_{entry.kind}" if index else axis, families)
        given, count = entry.bytes_, entry_count(file, axis, entry.kind)
        payload = tuple(given) if isinstance(given, list) else (given,) * count
        families[name] = Family(name, (axis,), family_kind(file, axis, entry.kind), payload)
    return tuple(families.values())


def _unique(name: str, taken: dict[str, Family]) -> str:
    """`name`, or with the first number that makes it new."""
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    return unique
