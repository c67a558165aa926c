"""Pairs of domains share out what they hold, inside one outer domain after the other: compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.anneal_kernel import compiled
from planner.solve.pair_kernel import Held, Tables, paid_by, share_out_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]


@compiled
def held_inside(widths: IntArray, rooms: IntArray, holding: FloatArray, kept: FloatArray) -> Held:
    """What some domains hold, shape (domains, P), and who holds each stage."""
    domains, stages = widths.shape
    holders, place = np.zeros((stages, domains), np.int32), np.zeros((domains, stages), np.int32)
    counts = np.zeros(stages, np.int32)
    for stage in range(stages):
        for domain in range(domains):
            if widths[domain, stage] > 0:
                holders[stage, counts[stage]], place[domain, stage] = domain, counts[stage]
                counts[stage] += 1
    return Held(widths, rooms, holders, counts, place, holding, kept)


@compiled
def tables_inside(widths: IntArray, rooms: IntArray) -> Tables:
    """Room for the programme of any two of these domains."""
    stages, cells = widths.shape[1], widths.sum()
    most = min(rooms.max(), cells)
    widest = widths.sum(axis=0).max() + 1
    return Tables(
        np.empty((2 * most + stages) * (most + 1)),
        np.empty(2 * most + stages),
        np.zeros(stages + 1, np.int32),
        np.empty((6, widest)),
        np.empty(widest),
        np.zeros(stages, np.int32),
        np.zeros(stages, np.int32),
    )


@compiled
def share_out_each(
    widths: IntArray,
    rooms: IntArray,
    ends: IntArray,
    domains: IntArray,
    holding: FloatArray,
    kept: FloatArray,
    hot: float,
    cold: float,
    turns: int,
    seed: int,
) -> None:
    """Let pairs share out inside one outer domain after the other, and write what is found to `widths`.

    Parameters
    ----------
    widths, rooms
        Of all inner domains, shapes (domains, P) and (domains,); those in one outer domain stand together.
    ends
        Where those in each outer domain end, shape (outer domains,).
    domains
        The outer domains to go through.
    holding, kept
        As in `planner.solve.pair_kernel.Held`.
    hot, cold
        Noise at the beginning and at the end.
    turns
        For each inner domain.
    """
    for domain in domains:
        begin, end = ends[domain - 1] if domain else 0, ends[domain]
        if end - begin < 2 or not widths[begin:end].any():
            continue
        best = widths[begin:end]
        held = held_inside(best.copy(), rooms[begin:end], holding, kept)
        least = 0.0
        for inner in range(end - begin):
            least += paid_by(held, inner)
        tables = tables_inside(best, rooms[begin:end])
        share_out_pairs(held, tables, hot, cold, turns * (end - begin), seed + domain, best, least)
