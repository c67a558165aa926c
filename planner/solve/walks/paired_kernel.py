"""Pairs of domains share out what they hold inside each of many domains, one after the other, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.setup.kernel import allocating, compiled
from planner.solve.walks.pair_kernel import Held, paid_by, share_out_pairs
from planner.solve.walks.sharing_kernel import empty_tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.walks.sharing_kernel import Tables

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]


@allocating
def held_by_each(widths: IntArray, rooms: IntArray, holding: FloatArray, kept: FloatArray) -> Held:
    """What some domains hold, and who holds each stage; `widths` has shape (domains, P) and is written to."""
    domains, stages = widths.shape
    holders = np.zeros((stages, domains), np.int32)
    counts, place = np.zeros(stages, np.int32), np.zeros((domains, stages), np.int32)
    for domain in range(domains):
        for stage in range(stages):
            if widths[domain, stage] > 0:
                holders[stage, counts[stage]], place[domain, stage] = domain, counts[stage]
                counts[stage] += 1
    return Held(widths, rooms, holders, counts, place, holding, kept)


@allocating
def tables_of(widths: IntArray, rooms: IntArray) -> Tables:
    """Room for the programme of any two of some domains."""
    domains, stages = widths.shape
    cells, most, widest = np.int64(0), np.int64(0), np.int64(0)
    for stage in range(stages):
        held = np.int64(0)
        for domain in range(domains):
            held += widths[domain, stage]
        cells, widest = cells + held, max(widest, held)
    for room in rooms:
        most = max(most, room)
    tables: Tables = empty_tables(stages, min(most, cells), widest)
    return tables


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
    """Let those inside one domain after the other share out in pairs, and write what is best to `widths`.

    Parameters
    ----------
    widths, rooms
        Of all domains inside, shapes (all, P) and (all,); those of one domain stand together.
    ends
        Where those inside each domain end, shape (all domains,).
    domains
        The domains inside which pairs share out.
    holding, kept
        As in `Held`.
    turns
        For each domain inside.
    """
    for domain in domains:
        begin, end = ends[domain - 1] if domain else 0, ends[domain]
        best = widths[begin:end]
        if end - begin < 2 or not best.any():
            continue
        held = held_by_each(best.copy(), rooms[begin:end], holding, kept)
        least = 0.0
        for inner in range(end - begin):
            least += paid_by(held, inner)
        tables = tables_of(best, rooms[begin:end])
        share_out_pairs(held, tables, hot, cold, turns * (end - begin), seed + domain, best, least)
