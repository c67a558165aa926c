"""The one look of all tables."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table


def table(*columns: str, title: str | None = None, left: int = 1) -> Table:
    """An empty table; the first `left` columns hold text, the others numbers."""
    made = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for index, name in enumerate(columns):
        made.add_column(name, justify="left" if index < left else "right", overflow="fold")
    return made
