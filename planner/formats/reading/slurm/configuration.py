"""Topologies from topology.conf and ``scontrol show topology``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from planner.errors import Problem
from planner.formats.reading.slurm.layout import GroupLine, Layout, SwitchLine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.formats.reading.slurm.lines import Record, Value


def layout_of(records: Iterable[Record], findings: list[Problem]) -> Layout:
    """The topology that some lines describe."""
    layout = Layout()
    for record in records:
        if record.kind == "switchname":
            layout.switches.append(_switch(record))
        elif record.kind == "blockname":
            layout.blocks.append(GroupLine(record.name, record.get("nodes")))
        if record.kind in ("blocksizes", "blockname", "aggregatedblock"):
            _add_sizes(layout, record, findings)
        if record.kind == "include":
            layout.whole = False
            message = f"{record.name.text} is included, and not read"
            findings.append(Problem("I029", message, record.name.position, None, "name it as a source too"))
    return layout


def _switch(record: Record) -> SwitchLine:
    """A switch; above the leaves a dump lists all nodes beneath, which are not joined to it."""
    level = record.get("level")
    leaf = level is None or level.text == "0"
    return SwitchLine(
        record.name, record.get("nodes") if leaf else None, record.get("switches"), record.get("linkspeed")
    )


def _add_sizes(layout: Layout, record: Record, findings: list[Problem]) -> None:
    """Sizes of blocks: in a dump each block has its own."""
    value: Value | None = record.name if record.kind == "blocksizes" else record.get("blocksize")
    if value is None:
        return
    layout.sizes_at = layout.sizes_at or value
    for word in filter(None, re.split(r"[,\s]+", value.text)):
        if not re.fullmatch(r"[0-9]{1,9}", word):
            findings.append(
                Problem("I027", f"{word[:60]!r} is no size of a block", value.position, "a number")
            )
        elif int(word) not in layout.block_sizes:
            layout.block_sizes.append(int(word))
