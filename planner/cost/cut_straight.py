"""Cutting layers where every stage holds one chunk: a dynamic programme over stages and layers.

With f(p, j) the least that the slowest of the first p stages takes when they hold the first j layers,

    f(p, j) = min over i of max(f(p - 1, i), what stage p takes with layers i to j)

which looks at every cut there is. Round trips and closeness to the even cut are settled in the same way
among the cuts that are left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.cost.loads import CLOSE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.cost.loads import Loads

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]


def cut_straight(loads: Loads) -> tuple[int, ...] | None:
    """The best cut, see `planner.cost.cut`; None where none fits in memory."""
    allowed, seconds = _allowed(loads), _seconds(loads)
    if np.isfinite(loads.limit_bytes):
        allowed &= seconds <= _known(loads, allowed) * (1 + CLOSE)
        allowed &= _memory(loads, allowed) <= loads.limit_bytes
    slowest = _smallest_maximum(np.where(allowed, seconds, np.inf))
    if np.isinf(slowest):
        return None
    allowed &= seconds <= slowest * (1 + CLOSE)
    if loads.sent_s is not None:
        # Of what no microbatch can be faster than, the slowest stage is the first.
        trips = np.maximum(_trips_s(loads, loads.sent_s), slowest)
        allowed &= trips <= _smallest_maximum(np.where(allowed, trips, np.inf)) * (1 + CLOSE)
    return _nearest(allowed, loads.even)


def _allowed(loads: Loads) -> BoolArray:
    """Whether a stage may hold layers i to j, shape (stages, layers + 1, layers + 1)."""
    ends = np.arange(loads.layers + 1)
    sizes = ends[None, :] - ends[:, None]
    spans = np.array([loads.span(chunk) for (chunk,) in loads.held])
    return (sizes >= spans[:, 0, None, None]) & (sizes <= spans[:, 1, None, None])


def _seconds(loads: Loads) -> FloatArray:
    """What each stage takes with layers i to j, shape (stages, layers + 1, layers + 1)."""
    until = loads.layer_s @ loads.before.T
    own = loads.extra_s[[chunk for (chunk,) in loads.held]]
    seconds: FloatArray = until[:, None, :] - until[:, :, None] + own[:, None, None]
    return seconds


def _trips_s(loads: Loads, sent_s: float) -> FloatArray:
    """Round trip by microbatches under way of a stage that starts at layer i, (stages, layers + 1, 1)."""
    after = np.arange(len(loads.held))[::-1, None]
    # A stage's network hardly differs from another's, and layers to come have no stage yet.
    layers = (loads.before[-1] - loads.before) @ loads.layer_s.mean(axis=0)
    seconds: FloatArray = (layers + loads.extra_s[-1] + 2 * after * sent_s) / (after + 1)
    return seconds[:, :, None]


def _known(loads: Loads, allowed: BoolArray) -> float:
    """Seconds of the slowest stage of the even cut, which the best cut's do not exceed; where it may be."""
    ends = np.cumsum([0, *loads.even])
    may = allowed[np.arange(len(loads.held)), ends[:-1], ends[1:]].all()
    if may and (loads.stage_bytes(loads.even) <= loads.limit_bytes).all():
        return float(loads.chunk_s(loads.even).max())
    return float("inf")


def _memory(loads: Loads, wanted: BoolArray) -> FloatArray:
    """What each stage needs with layers i to j, shape (stages, layers + 1, layers + 1).

    Infinite where no stage is `wanted` to hold those.
    """
    first, last = np.nonzero(wanted.any(axis=0))
    kinds, which = np.unique(loads.before[last] - loads.before[first], axis=0, return_inverse=True)
    counts = [tuple(each) for each in kinds.tolist()]
    needed = np.full((len(loads.held), loads.layers + 1, loads.layers + 1), np.inf)
    for stage in range(len(loads.held)):
        each = np.array([loads.memory_bytes(stage, of) for of in counts])
        needed[stage, first, last] = each[which.ravel()]
    return needed


def _smallest_maximum(cost: FloatArray) -> float:
    """The least over all cuts of the largest cost of a stage."""
    reached = np.full(cost.shape[1], np.inf)
    reached[0] = -np.inf
    for each in cost:
        reached = np.maximum(reached[:, None], each).min(axis=0)
    return float(reached[-1])


def _nearest(allowed: BoolArray, wanted: tuple[int, ...]) -> tuple[int, ...]:
    """Of the cuts that are allowed the one whose sizes differ least from those wanted.

    Of several such, that whose first stages have the fewest layers: the first stage has the most
    microbatches under way and is the last to end a step.
    """
    ends = np.arange(allowed.shape[1])
    left = np.where(ends == ends[-1], 0.0, np.inf)
    totals = []
    for may, size in zip(allowed[::-1], reversed(wanted), strict=True):
        moved = np.where(may, np.abs(ends[None, :] - ends[:, None] - size), np.inf)
        totals.append(moved + left[None, :])
        left = totals[-1].min(axis=1)
    sizes, start = [], 0
    for total in reversed(totals):
        end = int(total[start].argmin())
        sizes.append(end - start)
        start = end
    return tuple(sizes)
