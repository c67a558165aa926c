"""The inner loop of `planner.solve.walks.pairs`: two domains share out what they hold, stage by stage.

What one of two domains holds says what the other holds. So the best way to share out their cells is a path
through the stages: its state is the width that the first has of the last stage, and the cells that it has so
far. From stage to stage the two keep ``min(a, b) + min(A - a, B - b)`` neighbours at home, where A and B are
what both hold of each stage. That is ``min(A, B)``, less one for each cell by which b is below or above a
window from a on, as wide as A and B differ. So the best step to each b is found among three: the least in the
window, and the least on either side of it, which minima along the widths give.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.solve.setup.kernel import compiled, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]
    WordArray = NDArray[np.uint64]

# Chance that two domains are drawn that need not be neighbours.
ANYWHERE = 0.02
LEAST_CHANCE = 1e-12
BELOW, ABOVE, LOW, HIGH, LEFT, RIGHT = range(6)


class Held(NamedTuple):
    """What domains hold, and who holds what.

    Parameters
    ----------
    widths
        Width vectors, shape (domains, P).
    rooms
        Cells that fit each domain, shape (domains,).
    holders, counts
        The domains that hold cells of each stage, shape (P, domains), and how many these are, shape (P,).
    place
        Where each domain stands among the holders of each stage, shape (domains, P).
    holding
        Table of h, shape (P, widths).
    kept
        Bytes between each stage and the next, the last and the first at the end, shape (P,).
    """

    widths: IntArray
    rooms: IntArray
    holders: IntArray
    counts: IntArray
    place: IntArray
    holding: FloatArray
    kept: FloatArray


class Tables(NamedTuple):
    """Room for the programme of two domains, used again and again.

    Parameters
    ----------
    paid
        Least paid by stage, cells used and last width, all in a row.
    charge
        What each width of each stage costs both domains, in a row.
    begin
        Where the charges of each stage begin, shape (P + 1,).
    minima
        Of one row, shape (6, widths): with a charge for each cell, the least up to each width and from each
        width on; the same without; and in blocks as long as a window, from a block's begin and to its end.
    least
        What is paid at least before each next width, shape (widths,).
    stages, both
        The stages that the two hold, and how many cells of each, shape (P,).
    """

    paid: FloatArray
    charge: FloatArray
    begin: IntArray
    minima: FloatArray
    least: FloatArray
    stages: IntArray
    both: IntArray


@compiled
def hold(held: Held, domain: int, stage: int, width: int) -> None:
    """Let a domain hold so many cells of a stage."""
    before = held.widths[domain, stage]
    held.widths[domain, stage] = width
    if width > 0 and before == 0:
        held.place[domain, stage] = held.counts[stage]
        held.holders[stage, held.counts[stage]] = domain
        held.counts[stage] += 1
    elif width == 0 and before > 0:
        held.counts[stage] -= 1
        last, place = held.holders[stage, held.counts[stage]], held.place[domain, stage]
        held.holders[stage, place], held.place[last, stage] = last, place


@compiled
def paid_by(held: Held, domain: int) -> float:
    """f of a domain."""
    total, stages = 0.0, held.widths.shape[1]
    for stage in range(stages):
        width = held.widths[domain, stage]
        total += held.holding[stage, width]
        total -= held.kept[stage] * min(width, held.widths[domain, (stage + 1) % stages])
    return float(total)


@compiled
def neighbour(random: WordArray, held: Held, domain: int) -> int:
    """A random domain that holds a stage of this one's, or one beside it; now and then any domain."""
    domains, stages = held.widths.shape
    if unit(random) < ANYWHERE:
        return int(unit(random) * domains)
    at = int(unit(random) * stages)
    for step in range(stages):
        stage = (at + step) % stages
        if held.widths[domain, stage] > 0:
            wanted = (stage + int(3 * unit(random)) - 1) % stages
            if held.counts[wanted] > 0:
                return int(held.holders[wanted, int(unit(random) * held.counts[wanted])])
    return int(unit(random) * domains)


@compiled
def joined(random: WordArray, held: Held, tables: Tables, one: int, other: int) -> int:
    """List the stages that two domains hold, and the cells of each; how many stages these are.

    On a ring they begin at a random one.
    """
    stages, number = held.widths.shape[1], 0
    begin = int(unit(random) * stages) if held.kept[stages - 1] > 0 else 0
    for step in range(stages):
        stage = (begin + step) % stages
        both = held.widths[one, stage] + held.widths[other, stage]
        if both > 0:
            tables.stages[number], tables.both[number] = stage, both
            number += 1
    return number


@compiled
def charge_widths(random: WordArray, held: Held, tables: Tables, number: int, noise: float) -> None:
    """What each width costs both domains, and random charges of about `noise` on top."""
    tables.begin[0] = 0
    for index in range(number):
        stage, both, begin = tables.stages[index], tables.both[index], tables.begin[index]
        for width in range(both + 1):
            charge = held.holding[stage, width] + held.holding[stage, both - width]
            if noise > 0.0:
                charge -= noise * math.log(unit(random) + LEAST_CHANCE)
            tables.charge[begin + width] = charge
        tables.begin[index + 1] = begin + both + 1


@compiled
def edge_after(held: Held, tables: Tables, index: int) -> float:
    """Bytes between a listed stage and the next listed one; 0 where they are no neighbours."""
    stage, after, stages = tables.stages[index], tables.stages[index + 1], held.widths.shape[1]
    return float(held.kept[stage]) if after == (stage + 1) % stages else 0.0


@compiled
def scan(row: FloatArray, minima: FloatArray, widest: int, kept: float, window: int) -> None:
    """Minima along a row of what is paid by width: see `Tables`."""
    below = low = left = np.inf
    until = window
    for width in range(widest + 1):
        value = row[width]
        below, low = min(below, value - kept * width), min(low, value)
        if until == window:
            left, until = np.inf, 0
        left = min(left, value)
        until += 1
        minima[BELOW, width], minima[LOW, width], minima[LEFT, width] = below, low, left
    above = high = right = np.inf
    # Blocks of the same length: the last one may be shorter.
    since = until
    for width in range(widest, -1, -1):
        value = row[width]
        above, high = min(above, value + kept * width), min(high, value)
        if since == 0:
            right, since = np.inf, window
        right = min(right, value)
        since -= 1
        minima[ABOVE, width], minima[HIGH, width], minima[RIGHT, width] = above, high, right


@compiled
def least_before(
    minima: FloatArray, least: FloatArray, widest: int, kept: float, shift: int, window: int, most: int
) -> None:
    """For each next width up to `most` the least of the row that was scanned.

    Widths of the row outside the window, which begins `shift` below the next width and has `window` more
    than one, pay for their distance from it.
    """
    for width in range(most + 1):
        first = width - shift
        last = first + window
        best = np.inf
        if first <= 0:
            best = minima[LOW, min(last, widest)]
        elif last < widest:
            best = min(minima[RIGHT, first], minima[LEFT, last])
        elif first <= widest:
            best = minima[HIGH, first]
        if first >= 0:
            best = min(best, minima[BELOW, min(first, widest)] + kept * first)
        if last <= widest:
            best = min(best, minima[ABOVE, last] - kept * last)
        least[width] = best


@compiled
def fill(held: Held, tables: Tables, number: int, most: int, fixed: int) -> None:
    """The programme's tables: what is paid at least after each stage.

    Parameters
    ----------
    most
        Cells that the first domain may have.
    fixed
        Width of the first stage that it must have; any where less than 0.
    """
    paid, charge, begin, minima, least = (
        tables.paid,
        tables.charge,
        tables.begin,
        tables.minima,
        tables.least,
    )
    paid[: begin[number] * (most + 1)] = np.inf
    first = tables.both[0]
    for width in range(min(first, most) + 1):
        if fixed < 0 or width == fixed:
            paid[width * (first + 1) + width] = charge[width]
    held_before = first
    for index in range(1, number):
        before, both = tables.both[index - 1], tables.both[index]
        kept, window = edge_after(held, tables, index - 1), abs(both - before)
        shift, saved = window if both >= before else 0, kept * min(before, both)
        old, new = begin[index - 1] * (most + 1), begin[index] * (most + 1)
        for used in range(min(most, held_before) + 1):
            row = paid[old + used * (before + 1) : old + (used + 1) * (before + 1)]
            scan(row, minima, before, kept, window + 1)
            if minima[LOW, before] == np.inf:
                continue
            widest = min(both, most - used)
            least_before(minima, least, before, kept, shift, window, widest)
            for width in range(widest + 1):
                place = new + (used + width) * (both + 1) + width
                paid[place] = least[width] - saved + charge[begin[index] + width]
        held_before += both


@compiled
def seam(held: Held, tables: Tables, number: int) -> float:
    """Bytes between the last listed stage and the first, where the ring closes there; else 0."""
    stages = held.widths.shape[1]
    closes = number > 1 and tables.stages[0] == (tables.stages[number - 1] + 1) % stages
    return float(held.kept[tables.stages[number - 1]]) if closes else 0.0


@compiled
def last_state(
    tables: Tables, number: int, least: int, most: int, kept: float, fixed: int
) -> tuple[int, int]:
    """Cells and last width of the first domain in the best end; (-1, -1) where there is none."""
    both, first = tables.both[number - 1], tables.both[0]
    begin = tables.begin[number - 1] * (most + 1)
    best, cells, last = np.inf, -1, -1
    for used in range(least, most + 1):
        for width in range(min(both, used) + 1):
            value = tables.paid[begin + used * (both + 1) + width]
            if kept > 0.0:
                value -= kept * (min(width, fixed) + min(both - width, first - fixed))
            if value < best:
                best, cells, last = value, used, width
    return cells, last


@compiled
def width_before(tables: Tables, index: int, used: int, after: int, most: int, kept: float) -> int:
    """Width of a stage on the best path to `after` cells of the next one, with `used` cells before that."""
    both, next_both = tables.both[index], tables.both[index + 1]
    begin = tables.begin[index] * (most + 1) + used * (both + 1)
    best, found = np.inf, 0
    for width in range(min(both, used) + 1):
        value = tables.paid[begin + width]
        value -= kept * (min(width, after) + min(both - width, next_both - after))
        if value < best:
            best, found = value, width
    return found


@compiled
def share_out(random: WordArray, held: Held, tables: Tables, one: int, other: int, noise: float) -> None:
    """Give two domains the best share of what they hold, by charges with some noise.

    On a ring the first listed stage stays as it is, so that the rest is a path.
    """
    number = joined(random, held, tables, one, other)
    if number == 0:
        return
    charge_widths(random, held, tables, number, noise)
    total = tables.both[:number].sum()
    least, most = max(0, total - held.rooms[other]), min(held.rooms[one], total)
    kept = seam(held, tables, number)
    fixed = held.widths[one, tables.stages[0]] if kept > 0.0 else -1
    fill(held, tables, number, most, fixed)
    used, width = last_state(tables, number, least, most, kept, fixed)
    if used < 0:
        return
    for index in range(number - 1, -1, -1):
        hold(held, one, tables.stages[index], width)
        hold(held, other, tables.stages[index], tables.both[index] - width)
        if index > 0:
            used -= width
            kept = edge_after(held, tables, index - 1)
            width = width_before(tables, index - 1, used, width, most, kept)


@compiled
def share_out_pairs(
    held: Held, tables: Tables, hot: float, cold: float, turns: int, seed: int, best: IntArray, least: float
) -> float:
    """Let pairs of neighbours share out what they hold while the noise falls from `hot` to `cold`.

    Parameters
    ----------
    best
        Is given the cheapest width vectors on the way, shape (domains, P).
    least
        Sum of f of those that `best` holds.

    Returns
    -------
    float
        Sum of f of the cheapest.
    """
    random = np.array([seed * 2 + 1], np.uint64)
    for _ in range(20):
        unit(random)
    domains = held.widths.shape[0]
    cooling, noise, total = (cold / hot) ** (1.0 / max(1, turns)), hot, 0.0
    for domain in range(domains):
        total += paid_by(held, domain)
    for _ in range(turns):
        noise *= cooling
        one = int(unit(random) * domains)
        other = neighbour(random, held, one)
        if one == other:
            continue
        total -= paid_by(held, one) + paid_by(held, other)
        share_out(random, held, tables, one, other, noise)
        total += paid_by(held, one) + paid_by(held, other)
        if total < least:
            least = total
            best[:] = held.widths
    return least
