"""What ships with the planner, by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

from rich.console import Group

from planner.library import Kind, folder, shipped
from planner.report.style import table

if TYPE_CHECKING:
    from rich.console import RenderableType

# A full stop before a capital letter, but not that of an abbreviation or an initial.
_SENTENCE_END = re.compile(r"(?<!\bet al)(?<!\be\.g)(?<!\bi\.e)(?<!\b[A-Z])\. +(?=[A-Z0-9])")
PLURALS: dict[Kind, str] = {
    "topology": "topologies",
    "workload": "workloads",
    "model": "models",
    "gpu": "gpus",
    "rules": "rules",
    "fleet": "fleets",
}


def presets_document() -> dict[str, list[dict[str, str]]]:
    """Names and descriptions by kind."""
    return {
        PLURALS[kind]: [{"name": name, "about": about(kind, name)} for name in shipped(kind)]
        for kind in get_args(Kind)
    }


def presets_view() -> RenderableType:
    """The same for people."""
    return Group(*(_kind_table(kind) for kind in get_args(Kind)))


def _kind_table(kind: Kind) -> RenderableType:
    made = table(PLURALS[kind], "", left=2)
    for name in shipped(kind):
        made.add_row(name, about(kind, name))
    return made


def about(kind: Kind, name: str) -> str:
    """First sentence of the comment at the top of a shipped file."""
    lines = (folder(kind) / f"{name}.yaml").read_text("utf-8").splitlines()
    comment: list[str] = []
    for line in lines:
        if not line.startswith("#"):
            break
        if "yaml-language-server" not in line:
            comment.append(line.lstrip("# "))
    return _SENTENCE_END.split(" ".join(comment), maxsplit=1)[0].removesuffix(".")
