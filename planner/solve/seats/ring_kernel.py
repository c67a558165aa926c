"""The inner loops of `planner.solve.seats.rings` and `planner.solve.seats.ring_walk`, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.setup.kernel import compiled, is_taken, seeded, subroutine, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]
    WordArray = NDArray[np.uint64]

# Chance that a cell changes places together with a run of cells.
RUNS = 0.3


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
        if is_taken(first + best, temperature, random):
            for count in range(length):
                at = (after + count) % stages
                home[at, one], home[at, other] = home[at, other], home[at, one]


@subroutine
def paid_along(home: IntArray, kept: FloatArray, stage: int, replica: int, length: int) -> float:
    """Bytes on the edges of a run of stages of a replica, from the one that leads to it on."""
    stages = home.shape[0]
    at = stage - 1 if stage else stages - 1
    before, paid = home[at, replica], 0.0
    for _ in range(length + 1):
        after = at + 1 if at + 1 < stages else 0
        here = home[after, replica]
        if here != before:
            paid += kept[at]
        at, before = after, here
    return paid


@subroutine
def moved(widths: IntArray, rise: FloatArray, stage: int, here: int, there: int) -> float:
    """Take a cell of a stage from one domain to another; what domains pay more then."""
    widths[here, stage] -= 1
    more = rise[stage, widths[there, stage]] - rise[stage, widths[here, stage]]
    widths[there, stage] += 1
    return float(more)


@subroutine
def exchanged(
    home: IntArray,
    widths: IntArray,
    rise: FloatArray,
    stage: int,
    replica: int,
    other: int,
    partner: int,
    length: int,
) -> float:
    """Let runs of two replicas, from stages `stage` and `other` up, change domains cell by cell.

    Returns what domains pay more then. Done twice it changes nothing.
    """
    stages, more = home.shape[0], 0.0
    for _ in range(length):
        here, there = home[stage, replica], home[other, partner]
        home[stage, replica], home[other, partner] = there, here
        if stage != other and here != there:
            more += moved(widths, rise, stage, here, there)
            more += moved(widths, rise, other, there, here)
        stage = stage + 1 if stage + 1 < stages else 0
        other = other + 1 if other + 1 < stages else 0
    return more


@subroutine
def exchange_places(
    home: IntArray,
    cell_at: IntArray,
    slot_of: IntArray,
    stage: int,
    replica: int,
    other: int,
    partner: int,
    length: int,
) -> None:
    """Let cells of such runs, which have changed domains, change places."""
    stages, replicas = home.shape
    for _ in range(length):
        mine, yours = stage * replicas + replica, other * replicas + partner
        slot_of[mine], slot_of[yours] = slot_of[yours], slot_of[mine]
        cell_at[home[stage, replica], slot_of[mine]] = mine
        cell_at[home[other, partner], slot_of[yours]] = yours
        stage = stage + 1 if stage + 1 < stages else 0
        other = other + 1 if other + 1 < stages else 0


@subroutine
def first_of_run(stage: int, turn: int, length: int, stages: int) -> int:
    """The lowest stage of a run that goes from a stage up (`turn` 1) or down (-1)."""
    first = stage if turn > 0 else stage - length + 1
    return first if first >= 0 else first + stages


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
    in exchange for a cell there, some of the time each with a run of cells on away from the neighbour.

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
    rise = holding[:, 1:] - holding[:, :-1]
    random = seeded(seed)
    cooling = (cold / hot) ** (1.0 / max(1, moves))
    temperature = hot
    for _ in range(moves):
        temperature *= cooling
        stage, replica = int(unit(random) * stages), int(unit(random) * replicas)
        turn = 1 if unit(random) < 0.5 else -1
        here, domain = home[stage, replica], home[(stage - turn) % stages, replica]
        if domain == here:
            continue
        slot = int(unit(random) * room[domain])
        occupant = cell_at[domain, slot]
        if occupant < 0:
            change = -paid_along(home, kept, stage, replica, 1)
            home[stage, replica] = domain
            change += paid_along(home, kept, stage, replica, 1) + moved(widths, rise, stage, here, domain)
            if is_taken(change, temperature, random):
                cell = stage * replicas + replica
                cell_at[here, slot_of[cell]], cell_at[domain, slot], slot_of[cell] = -1, cell, slot
            else:
                home[stage, replica] = here
                moved(widths, rise, stage, domain, here)
            continue
        other = occupant // replicas
        partner = occupant - other * replicas
        length = 1
        if partner != replica and unit(random) < RUNS:
            length += int(unit(random) * (stages - 1))
        one, two = first_of_run(stage, turn, length, stages), first_of_run(other, turn, length, stages)
        # Of neighbours that change places the edge between is counted twice, and pays what it paid.
        change = -paid_along(home, kept, one, replica, length) - paid_along(home, kept, two, partner, length)
        change += exchanged(home, widths, rise, one, replica, two, partner, length)
        change += paid_along(home, kept, one, replica, length) + paid_along(home, kept, two, partner, length)
        if is_taken(change, temperature, random):
            exchange_places(home, cell_at, slot_of, one, replica, two, partner, length)
        else:
            exchanged(home, widths, rise, one, replica, two, partner, length)
