"""The one look of all tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.measure import Measurement
from rich.table import Column, Table

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

# Wider than any table.
ENOUGH = 10_000


class WholeWords(Table):
    """A table that goes onto further lines at blanks, not within words, for as long as it fits so."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Choose the columns' widths for this page, then draw."""
        self.collapse_padding = False
        for column in self.columns:
            column.width = None
        self._narrow(console, options)
        if self._excess(console, options) > 0:
            self.collapse_padding = True
            self._narrow(console, options)
        yield from super().__rich_console__(console, options)

    def _excess(self, console: Console, options: ConsoleOptions) -> int:
        """Characters by which the table is too wide."""
        natural = Measurement.get(console, options.update_width(ENOUGH), self).maximum
        return natural - options.max_width

    def _narrow(self, console: Console, options: ConsoleOptions) -> None:
        """Take what is too much from the widest columns that have blanks; nothing if that is not enough."""
        excess = self._excess(console, options)
        wide = options.update_width(ENOUGH)
        ranges = [_measured(console, wide, column) for column in self.columns]
        if not 0 < excess <= sum(each.span for each in ranges):
            return
        widths = [each.maximum for each in ranges]
        for _ in range(excess):
            spare = [index for index, each in enumerate(ranges) if widths[index] > each.minimum]
            widths[max(spare, key=widths.__getitem__)] -= 1
        for column, width in zip(self.columns, widths, strict=True):
            column.width = width


def _measured(console: Console, options: ConsoleOptions, column: Column) -> Measurement:
    """Widths of a column from that of its longest word to that of its longest cell."""
    cells = [Measurement.get(console, options, cell) for cell in (column.header, *column.cells)]
    return Measurement(max(cell.minimum for cell in cells), max(cell.maximum for cell in cells))


def table(*columns: str, title: str | None = None, left: int = 1) -> Table:
    """An empty table; the first `left` columns hold text, the others numbers."""
    made = WholeWords(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for index, name in enumerate(columns):
        made.add_column(name, justify="left" if index < left else "right", overflow="fold")
    return made
