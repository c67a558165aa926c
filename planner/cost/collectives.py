"""When in a step each family's collectives take place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.cost.operations import Kind, Operation
from planner.workload.family import Kind as CollectiveKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.workload.family import Family

_INSIDE = (("tp",), ("cp",), ("ep",))
_TRANSFERS = (CollectiveKind.P2P, CollectiveKind.PATH, CollectiveKind.RING)
# Gradients of gathered keys and values: there are none in forward.
_BACKWARD_ONLY = "cp_reduce_scatter"


@dataclass(frozen=True)
class Collectives:
    """Collectives of a job by when they take place.

    All calls of a family within one pass are one operation: ranks of a stage run the same layers, and
    so call in the same order.

    Parameters
    ----------
    families
        All families of the job.
    stages
        Number of stages.
    in_rounds
        Whether parameters are gathered and gradients reduced in every microbatch, as fsdp does.
    """

    families: tuple[Family, ...]
    stages: int
    in_rounds: bool = False

    def before_pass(self, stage: int, chunk: int, index: int, *, backward: bool) -> Iterator[Operation]:
        """Those of tensors, contexts and experts within a pass; with fsdp the gathering for it."""
        for family in self.families:
            gathers = self.in_rounds and _is_data(family) and _gathers(family)
            inside = family.axes in _INSIDE and (backward or family.name != _BACKWARD_ONLY)
            if inside or gathers:
                yield Operation(Kind.COLLECTIVE, stage, chunk, index, family=family.name)

    def after_backward(self, stage: int, chunk: int, index: int) -> Iterator[Operation]:
        """With fsdp, the reduction of what a microbatch gave."""
        for family in self.families:
            if self.in_rounds and _is_data(family) and not _gathers(family):
                yield Operation(Kind.COLLECTIVE, stage, chunk, index, family=family.name)

    def before_all(self, stage: int) -> Iterator[Operation]:
        """The gathering of parameters ahead of the first pass."""
        for family in self.families:
            if not self.in_rounds and _is_data(family) and _gathers(family):
                yield Operation(Kind.COLLECTIVE, stage, family=family.name)

    def after_all(self, stage: int) -> Iterator[Operation]:
        """The reduction of gradients behind the last pass, then what joins several stages."""
        for family in self.families:
            if not self.in_rounds and _is_data(family) and not _gathers(family):
                yield Operation(Kind.COLLECTIVE, stage, family=family.name)
        for family in self.families:
            members = family.stages if family.stages is not None else range(self.stages)
            if "pp" in family.axes and family.kind not in _TRANSFERS and stage in members:
                yield Operation(
                    Kind.COLLECTIVE, stage, family=family.name, meets=(family.name,), parties=len(members)
                )


def _is_data(family: Family) -> bool:
    return family.axes not in _INSIDE and "pp" not in family.axes


def _gathers(family: Family) -> bool:
    return family.kind is CollectiveKind.ALL_GATHER
