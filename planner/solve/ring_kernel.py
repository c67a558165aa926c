"""The inner loop of `planner.solve.rings`, compiled: replicas of a ring exchange runs of stages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.anneal_kernel import compiled, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]


@compiled
def apart(above: IntArray, weights: FloatArray, one: int, other: int) -> float:
    """Weight of the tiers at which two innermost domains lie in different domains."""
    total = 0.0
    for level in range(above.shape[0]):
        if above[level, one] == above[level, other]:
            break
        total += weights[level]
    return float(total)


@compiled
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


@compiled
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
    random = np.array([seed * 2 + 1], np.uint64)
    for _ in range(20):
        unit(random)
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
