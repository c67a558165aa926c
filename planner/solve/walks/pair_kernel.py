"""The inner loop of `planner.solve.walks.pairs`: two domains share out what they hold, stage by stage.

The programme by which they do is that of `planner.solve.walks.sharing_kernel`. Here it is drawn which two do
and what their widths are charged, and kept who holds what.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from planner.solve.setup.kernel import compiled, seeded, subroutine, unit, write
from planner.solve.walks.sharing_kernel import begin_at, follow, last_state, lay_out, width_before

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from planner.solve.walks.sharing_kernel import Tables

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]
    WordArray = NDArray[np.uint64]

# Chance that two domains are drawn that need not be neighbours.
ANYWHERE = 0.02
LEAST_CHANCE = 1e-12


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


@subroutine
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


@subroutine
def paid_by(held: Held, domain: int) -> float:
    """f of a domain."""
    total, stages = 0.0, held.widths.shape[1]
    for stage in range(stages):
        width = held.widths[domain, stage]
        total += held.holding[stage, width]
        total -= held.kept[stage] * min(width, held.widths[domain, (stage + 1) % stages])
    return float(total)


@subroutine
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


@subroutine
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


@subroutine
def charge_widths(random: WordArray, held: Held, tables: Tables, number: int, noise: float) -> None:
    """What each width costs both domains, and random charges of about `noise` on top."""
    tables.charged[0] = 0
    for index in range(number):
        stage, both, begin = tables.stages[index], tables.both[index], tables.charged[index]
        for width in range(both + 1):
            charge = held.holding[stage, width] + held.holding[stage, both - width]
            if noise > 0.0:
                charge -= noise * math.log(unit(random) + LEAST_CHANCE)
            tables.charge[begin + width] = charge
        tables.charged[index + 1] = begin + both + 1


@subroutine
def edge_after(held: Held, tables: Tables, index: int) -> float:
    """Bytes between a listed stage and the next listed one; 0 where they are no neighbours."""
    stage, after, stages = tables.stages[index], tables.stages[index + 1], held.widths.shape[1]
    return float(held.kept[stage]) if after == (stage + 1) % stages else 0.0


@subroutine
def seam(held: Held, tables: Tables, number: int) -> float:
    """Bytes between the last listed stage and the first, where the ring closes there; else 0."""
    stages = held.widths.shape[1]
    closes = number > 1 and tables.stages[0] == (tables.stages[number - 1] + 1) % stages
    return float(held.kept[tables.stages[number - 1]]) if closes else 0.0


@subroutine
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
    lay_out(tables, number, most, total - least)
    begin_at(tables, fixed)
    for index in range(1, number):
        follow(tables, index, edge_after(held, tables, index - 1))
    used, width = last_state(tables, number, kept, fixed)
    if used < 0:
        return
    for index in range(number - 1, -1, -1):
        hold(held, one, tables.stages[index], width)
        hold(held, other, tables.stages[index], tables.both[index] - width)
        if index > 0:
            used -= width
            kept = edge_after(held, tables, index - 1)
            width = width_before(tables, index - 1, used, width, kept)


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
    random = seeded(seed)
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
            write(held.widths, best)
    return least
