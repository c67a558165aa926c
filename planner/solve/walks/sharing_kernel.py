"""How two domains share out what they hold, stage by stage, in the best way there is: compiled.

What one of two domains holds says what the other holds. So the best way to share out their cells is a path
through the stages: its state is the width that the first has of the last stage, and the cells that it has so
far. From stage to stage the two keep ``min(a, b) + min(A - a, B - b)`` neighbours at home, where A and B are
what both hold of each stage. That is ``min(A, B)``, less one for each cell by which b is below or above a
window from a on, as wide as A and B differ. So a step takes two sweeps along the widths, by which no width
costs more than its neighbour and an edge, and the least in a window of widths.

All numbers of cells are gone through at once, in rows of short floating-point numbers next to each other:
that is what processors are quick at. What is kept of a stage are the numbers of cells that leave the other
domain no more than it has room for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.solve.setup.kernel import compiled, subroutine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    ShortArray = NDArray[np.float32]
    IntArray = NDArray[np.int32]

NEVER = np.float32(np.inf)


class Tables(NamedTuple):
    """Room for the programme of two domains, used again and again.

    Parameters
    ----------
    paid
        Least paid by stage, last width and cells used, all in a row.
    before
        The same of one stage, for every width of the next.
    charge
        What each width of each stage costs both domains, in a row.
    charged, begin
        Where the charges of each stage begin, and its part of `paid`, shape (P + 1,).
    fewest, most
        Cells that the first domain has after each stage, shape (P,).
    stages, both
        The stages that the two hold, and how many cells of each, shape (P,).
    """

    paid: ShortArray
    before: ShortArray
    charge: FloatArray
    charged: IntArray
    begin: IntArray
    fewest: IntArray
    most: IntArray
    stages: IntArray
    both: IntArray


@compiled
def empty_tables(stages: int, room: int, widest: int) -> Tables:
    """Tables for two domains with so much room at most, which hold at most so many cells of a stage."""
    pairs = 2 * room + stages
    return Tables(
        np.empty(pairs * (room + 1), np.float32),
        np.empty((widest + 1) * (room + 1), np.float32),
        np.zeros(pairs),
        np.zeros(stages + 1, np.int32),
        np.zeros(stages + 1, np.int32),
        np.zeros(stages, np.int32),
        np.zeros(stages, np.int32),
        np.zeros(stages, np.int32),
        np.zeros(stages, np.int32),
    )


@subroutine
def lay_out(tables: Tables, number: int, room: int, other_room: int) -> None:
    """Say which numbers of cells the first domain may have after each of the stages, and where these are."""
    held = 0
    for index in range(number):
        held += tables.both[index]
        tables.fewest[index], tables.most[index] = max(0, held - other_room), min(room, held)
        cells = max(0, tables.most[index] - tables.fewest[index] + 1)
        tables.begin[index + 1] = tables.begin[index] + (tables.both[index] + 1) * cells


@subroutine
def lower(row: ShortArray, other: ShortArray, paid: np.float32) -> None:
    """Let no number of a row be above that of another row and what is paid."""
    for place in range(len(row)):
        own, there = row[place], other[place] + paid
        row[place] = min(own, there)


@subroutine
def rise_from(row: ShortArray, paid: ShortArray, other: ShortArray, more: np.float32) -> None:
    """Write what is paid to a row, at most that of another row and some more."""
    for place in range(len(row)):
        own, there = paid[place], other[place] + more
        row[place] = min(own, there)


@subroutine
def even_out(table: ShortArray, paid: ShortArray, rows: int, cells: int, kept: np.float32) -> None:
    """Write what is paid so that no width costs more than its neighbour and an edge for each cell between."""
    for place in range(cells):
        table[place] = paid[place]
    for width in range(1, rows):
        begin = width * cells
        own = paid[begin : begin + cells]
        rise_from(table[begin : begin + cells], own, table[begin - cells : begin], kept)
    for width in range(rows - 2, -1, -1):
        begin = width * cells
        lower(table[begin : begin + cells], table[begin + cells : begin + 2 * cells], kept)


@subroutine
def widen(table: ShortArray, before: int, both: int, cells: int) -> None:
    """Take for every next width the least in its window of widths.

    That is as wide as both stages differ. It begins at the width where there are fewer cells of the next
    stage than of the last, and else ends there. Windows are joined to ones twice as wide.
    """
    free = np.float32(0.0)
    if both > before:
        table[(before + 1) * cells : (both + 1) * cells] = NEVER
    reach, window = abs(both - before), 1
    while window <= reach:
        step = min(window, reach + 1 - window)
        if both > before:
            for width in range(both, step - 1, -1):
                begin, other = width * cells, (width - step) * cells
                lower(table[begin : begin + cells], table[other : other + cells], free)
        else:
            for width in range(before - step + 1):
                begin, other = width * cells, (width + step) * cells
                lower(table[begin : begin + cells], table[other : other + cells], free)
        window += step


@subroutine
def enter(row: ShortArray, before: ShortArray, shift: int, paid: np.float32) -> None:
    """Write what is paid before a width, and for it, to its row; `shift` further on."""
    first, last = min(max(0, shift), len(row)), max(0, min(len(row), len(before) + shift))
    row[:first] = NEVER
    row[max(first, last) :] = NEVER
    if last > first:
        written, read = row[first:last], before[first - shift : last - shift]
        for place in range(len(written)):
            written[place] = read[place] + paid


@subroutine
def begin_at(tables: Tables, fixed: int) -> None:
    """What is paid for each width of the first stage, which is `fixed` unless that is less than 0."""
    fewest, most = tables.fewest[0], tables.most[0]
    cells = most - fewest + 1
    tables.paid[: tables.begin[1]] = NEVER
    for width in range(fewest, most + 1):
        if fixed < 0 or width == fixed:
            tables.paid[width * cells + width - fewest] = tables.charge[width]


@subroutine
def follow(tables: Tables, index: int, kept: float) -> None:
    """What is paid at least after a stage, given the one before and the bytes between them."""
    before, both = tables.both[index - 1], tables.both[index]
    old, new = tables.begin[index - 1], tables.begin[index]
    cells = tables.most[index - 1] - tables.fewest[index - 1] + 1
    wide = tables.most[index] - tables.fewest[index] + 1
    least = tables.before
    even_out(least, tables.paid[old:new], before + 1, cells, np.float32(kept))
    widen(least, before, both, cells)
    saved = kept * min(before, both)
    for width in range(both + 1):
        paid = np.float32(tables.charge[tables.charged[index] + width] - saved)
        row = tables.paid[new + width * wide : new + (width + 1) * wide]
        shift = width + tables.fewest[index - 1] - tables.fewest[index]
        enter(row, least[width * cells : (width + 1) * cells], shift, paid)


@subroutine
def last_state(tables: Tables, number: int, kept: float, fixed: int) -> tuple[int, int]:
    """Cells and last width of the first domain in the best end; (-1, -1) where there is none.

    On a ring `kept` bytes are between the last stage and the first, of which it has `fixed` cells.
    """
    index = number - 1
    both, first = tables.both[index], tables.both[0]
    fewest, wide = tables.fewest[index], tables.most[index] - tables.fewest[index] + 1
    best, cells, last = np.inf, -1, -1
    for width in range(both + 1):
        begin, home = tables.begin[index] + width * wide, 0.0
        if kept > 0.0:
            home = kept * (min(width, fixed) + min(both - width, first - fixed))
        for place in range(wide):
            value = tables.paid[begin + place] - home
            if value < best:
                best, cells, last = value, fewest + place, width
    return cells, last


@subroutine
def width_before(tables: Tables, index: int, used: int, after: int, kept: float) -> int:
    """Width of a stage on the best path to `after` cells of the next one, with `used` cells before that."""
    both, next_both = tables.both[index], tables.both[index + 1]
    wide = tables.most[index] - tables.fewest[index] + 1
    begin = tables.begin[index] + used - tables.fewest[index]
    best, found = np.inf, 0
    for width in range(both + 1):
        value = tables.paid[begin + width * wide]
        value -= kept * (min(width, after) + min(both - width, next_both - after))
        if value < best:
            best, found = value, width
    return found
