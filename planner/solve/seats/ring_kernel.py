"""The inner loops of `planner.solve.seats.rings` and `planner.solve.seats.ring_walk`, compiled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.setup.kernel import compiled, seeded, subroutine, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]


@subroutine
def apart(above: IntArray, weights: FloatArray, one: int, other: int) -> float:
    """Weight of the tiers at which two innermost domains lie in different domains."""
    total = 0.0
    for level in range(above.shape[0]):
        if above[level, one] == above[level, other]:
            break
        total += weights[level]
    return float(total)


@subroutine
def gained(
    home: IntArray, above: IntArray, weights: FloatArray, kept: FloatArray, stage: int, one: int, other: int
) -> float:
    """What is paid more on the edges after a stage if two replicas exchange all that comes before it."""
    after = (stage + 1) % home.shape[0]
    paid = apart(above, weights, home[stage, one], home[after, other])
    paid += apart(above, weights, home[stage, other], home[after, one])
    paid -= apart(above, weights, home[stage, one], home[after, one])
    paid -= apart(above, weights, home[stage, other], home[after, other])
    return float(kept[stage] * paid)


@subroutine
def in_domain(home: IntArray, stage: int, domain: int, begin: int) -> int:
    """The first replica from `begin` on whose cell of a stage is in a domain; -1 where there is none."""
    replicas = home.shape[1]
    for step in range(replicas):
        candidate = (begin + step) % replicas
        if home[stage, candidate] == domain:
            return int(candidate)
    return -1


@compiled
def exchange_runs(
    home: IntArray,
    above: IntArray,
    weights: FloatArray,
    kept: FloatArray,
    hot: float,
    cold: float,
    moves: int,
    seed: int,
) -> None:
    """Let replicas exchange runs of stages, in place, while the temperature falls from `hot` to `cold`.

    A run starts where a replica changes its domain, is taken from a replica that is in the domain it
    leaves, and ends where that costs least. Every domain keeps its width vector.

    Parameters
    ----------
    home
        Innermost domain of every cell, shape (P, N).
    above
        Domain of each level around an innermost one, shape (levels, domains).
    weights
        Of a byte at each level, shape (levels,).
    kept
        Bytes between each stage and the next, the last and the first at the end, shape (P,).
    """
    stages, replicas = home.shape
    random = seeded(seed)
    cooling = (cold / hot) ** (1.0 / max(1, moves))
    temperature = hot
    for _ in range(moves):
        temperature *= cooling
        stage, one = int(unit(random) * stages), int(unit(random) * replicas)
        here, after = home[stage, one], (stage + 1) % stages
        if home[after, one] == here:
            continue
        other = in_domain(home, after, here, int(unit(random) * replicas))
        if other < 0:
            continue
        first, best, length = gained(home, above, weights, kept, stage, one, other), np.inf, 0
        for count in range(1, stages):
            change = gained(home, above, weights, kept, (stage + count) % stages, one, other)
            if change < best or (change == best and unit(random) < 0.5):
                best, length = change, count
        change = first + best
        if change <= 0 or unit(random) < math.exp(-change / temperature):
            for count in range(length):
                at = (after + count) % stages
                home[at, one], home[at, other] = home[at, other], home[at, one]


@subroutine
def paid_round(home: IntArray, kept: FloatArray, replica: int) -> float:
    """Bytes between neighbouring stages of a replica that lie in different domains."""
    stages, paid = home.shape[0], 0.0
    for stage in range(stages):
        if home[stage, replica] != home[(stage + 1) % stages, replica]:
            paid += kept[stage]
    return paid


@subroutine
def settle(
    home: IntArray,
    widths: IntArray,
    cell_at: IntArray,
    slot_of: IntArray,
    holding: FloatArray,
    cell: int,
    domain: int,
    slot: int,
) -> float:
    """Put a cell into a place of a domain; what domains pay more to hold it. Its old place is not cleared."""
    stage, replica = cell // home.shape[1], cell % home.shape[1]
    old = home[stage, replica]
    more = holding[stage, widths[domain, stage] + 1] - holding[stage, widths[domain, stage]]
    if old == domain:
        more = 0.0
    else:
        more += holding[stage, widths[old, stage] - 1] - holding[stage, widths[old, stage]]
        widths[old, stage] -= 1
        widths[domain, stage] += 1
    home[stage, replica] = domain
    cell_at[domain, slot], slot_of[cell] = cell, slot
    return float(more)


@subroutine
def exchange_places(
    home: IntArray,
    widths: IntArray,
    cell_at: IntArray,
    slot_of: IntArray,
    holding: FloatArray,
    one: int,
    domain: int,
    slot: int,
) -> float:
    """Let a cell change places with what is in a place, a cell or nothing; what domains pay more then."""
    replicas = home.shape[1]
    here, mine, other = home[one // replicas, one % replicas], slot_of[one], cell_at[domain, slot]
    cell_at[here, mine] = -1
    more = settle(home, widths, cell_at, slot_of, holding, one, domain, slot)
    if other >= 0:
        more += settle(home, widths, cell_at, slot_of, holding, other, here, mine)
    return float(more)


@subroutine
def exchange_cells_of_runs(
    home: IntArray,
    widths: IntArray,
    cell_at: IntArray,
    slot_of: IntArray,
    holding: FloatArray,
    one: int,
    other: int,
    turn: int,
    length: int,
) -> float:
    """Let two runs, from two cells on up (`turn` 1) or down (-1) the stages, change places cell by cell.

    Returns what domains pay more then. Done twice it changes nothing.
    """
    stages, replicas = home.shape
    more = 0.0
    for step in range(length):
        mine = (one // replicas + turn * step) % stages * replicas + one % replicas
        yours = (other // replicas + turn * step) % stages * replicas + other % replicas
        domain = home[yours // replicas, yours % replicas]
        more += exchange_places(home, widths, cell_at, slot_of, holding, mine, domain, slot_of[yours])
    return float(more)


@compiled
def walk_rings(
    home: IntArray,
    widths: IntArray,
    cell_at: IntArray,
    slot_of: IntArray,
    room: IntArray,
    holding: FloatArray,
    kept: FloatArray,
    hot: float,
    cold: float,
    moves: int,
    seed: int,
) -> None:
    """Let cells change places, in place, while the temperature falls from `hot` to `cold`.

    A move takes a cell beside a neighbour that lies in another domain into that domain: to a free place, or
    in exchange for a cell there, half of the time each with a run of cells on away from the neighbour.

    Parameters
    ----------
    home
        Domain of every cell, shape (P, N); cell ``p * N + r`` is that of stage p and replica r.
    widths
        Shape (domains, P).
    cell_at, slot_of
        The cell in each place of a domain, -1 where it is free, shape (domains, places); and the place of
        each cell, shape (cells,).
    room
        Places of each domain, shape (domains,).
    holding
        Table of h, shape (P, widths).
    kept
        Bytes between each stage and the next, the last and the first at the end, shape (P,).
    """
    stages, replicas = home.shape
    random = seeded(seed)
    cooling = (cold / hot) ** (1.0 / max(1, moves))
    temperature = hot
    for _ in range(moves):
        temperature *= cooling
        cell, turn = int(unit(random) * home.size), 1 if unit(random) < 0.5 else -1
        stage, replica = cell // replicas, cell % replicas
        here, domain = home[stage, replica], home[(stage - turn) % stages, replica]
        if domain == here:
            continue
        slot, place = int(unit(random) * room[domain]), slot_of[cell]
        other = cell_at[domain, slot]
        partner = other % replicas if other >= 0 else replica
        length = 1
        if partner != replica and unit(random) < 0.5:
            length += int(unit(random) * (stages - 1))
        change = -paid_round(home, kept, replica)
        change -= paid_round(home, kept, partner) if partner != replica else 0.0
        if other < 0:
            change += exchange_places(home, widths, cell_at, slot_of, holding, cell, domain, slot)
        else:
            change += exchange_cells_of_runs(
                home, widths, cell_at, slot_of, holding, cell, other, turn, length
            )
        change += paid_round(home, kept, replica)
        change += paid_round(home, kept, partner) if partner != replica else 0.0
        if change <= 0 or unit(random) < math.exp(-change / temperature):
            continue
        if other < 0:
            exchange_places(home, widths, cell_at, slot_of, holding, cell, here, place)
        else:
            exchange_cells_of_runs(home, widths, cell_at, slot_of, holding, cell, other, turn, length)
