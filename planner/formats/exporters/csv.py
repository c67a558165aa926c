"""A placement as comma-separated values, one row a rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.formats.exporters import Export
from planner.formats.writing.rank_table import to_csv

if TYPE_CHECKING:
    from planner.formats.writing.options import Option
    from planner.placement.placement import Placement

OPTIONS: tuple[Option, ...] = ()


def export(placement: Placement, options: dict[str, str]) -> Export:  # noqa: ARG001  # it has none
    """The rank table alone."""
    return Export({"ranks.csv": to_csv(placement).encode()})
