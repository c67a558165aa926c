"""The inner loop of `planner.repair.outages`, compiled: failures and repairs, one after another."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np


class Site(NamedTuple):
    """What does not change while time passes.

    Nodes have failure rates by kind and cumulated over nodes; racks begin at ``rack_start`` in
    ``rack_nodes``; nodes lie in cells, cells in domains of outer tiers. A cell is short at margin m
    where more than m of its nodes are away. All ends at ``end_s``.
    """

    rates: Any
    cumulated: Any
    repair_s: Any
    rack_rate: Any
    rack_repair_s: Any
    rack_start: Any
    rack_nodes: Any
    cell: Any
    outer: Any
    end_s: Any


class State(NamedTuple):
    """What does.

    When it is (``clock``), and as of when each margin's time is counted (``since``); as a heap, when
    what is back; of each node whether it failed itself and how
    many reasons keep it away; nodes away of each cell; short cells by margin, and by margin, outer tier and
    domain.
    """

    clock: Any
    since: Any
    due: Any
    who: Any
    size: Any
    failed: Any
    reasons: Any
    rack_failed: Any
    away: Any
    short: Any
    short_inside: Any


class Record(NamedTuple):
    """What is kept: seconds by short cells, and by cells beyond an allowance; most short cells so far."""

    seconds: Any
    beyond_seconds: Any
    most: Any
    most_inside: Any


@numba.njit(cache=True)
def advance(site: Any, state: Any, record: Any, until: Any, random: Any) -> Any:
    """Let time pass until `until`; the number of failures."""
    node_rate, racks = site.cumulated[-1], len(site.rack_start) - 1
    total = node_rate + site.rack_rate * racks
    failures = 0
    following = state.clock[0] + random.standard_exponential() / total
    while True:
        back = state.due[0] if state.size[0] else np.inf
        at = min(following, back, until)
        state.clock[0] = at
        if at == until:
            for margin in range(len(state.short)):
                count_time(state, record, margin)
            return failures
        if back <= following:
            restore(site, state, record, pop(state))
            continue
        failures += fail(site, state, record, random, total)
        following = state.clock[0] + random.standard_exponential() / total


@numba.njit(cache=True)
def count_time(state: Any, record: Any, margin: Any) -> None:
    """Count the time since a margin's number last changed under what it was."""
    record.seconds[margin, state.short[margin]] += state.clock[0] - state.since[margin]
    state.since[margin] = state.clock[0]


@numba.njit(cache=True)
def change(site: Any, state: Any, record: Any, cell: Any, margin: Any, by: Any) -> None:
    """A cell becomes short at a margin (1), or is no longer (-1)."""
    count_time(state, record, margin)
    state.short[margin] += by
    record.most[margin] = max(record.most[margin], state.short[margin])
    for tier in range(len(site.outer)):
        domain = site.outer[tier, cell]
        before = state.short_inside[margin, tier, domain]
        state.short_inside[margin, tier, domain] = before + by
        record.most_inside[margin, tier] = max(record.most_inside[margin, tier], before + by)
        # What lies beyond an allowance changes for allowances below the larger of the two numbers, and
        # is counted until the end, or until it changes back.
        left_s = site.end_s - state.clock[0]
        for allowed in range(min(max(before, before + by), record.beyond_seconds.shape[2])):
            record.beyond_seconds[margin, tier, allowed] += by * left_s


@numba.njit(cache=True)
def fail(site: Any, state: Any, record: Any, random: Any, total: Any) -> Any:
    """Something fails, unless it has already; 1 if it does."""
    drawn = random.random() * total
    now = state.clock[0]
    if drawn >= site.cumulated[-1]:
        rack = min(int((drawn - site.cumulated[-1]) / site.rack_rate), len(site.rack_start) - 2)
        if state.rack_failed[rack]:
            return 0
        state.rack_failed[rack] = True
        push(state, now + random.standard_exponential() * site.rack_repair_s, -1 - rack)
        for node in site.rack_nodes[site.rack_start[rack] : site.rack_start[rack + 1]]:
            leave(site, state, record, node)
        return 1
    node = np.searchsorted(site.cumulated, drawn, side="right")
    if state.failed[node]:
        return 0
    state.failed[node] = True
    kind, part = 0, site.cumulated[node] - drawn
    while kind < site.rates.shape[1] - 1 and part >= site.rates[node, kind]:
        part -= site.rates[node, kind]
        kind += 1
    push(state, now + random.standard_exponential() * site.repair_s[kind], node)
    leave(site, state, record, node)
    return 1


@numba.njit(cache=True)
def restore(site: Any, state: Any, record: Any, who: Any) -> None:
    """A node is back, or a rack."""
    if who >= 0:
        state.failed[who] = False
        come_back(site, state, record, who)
        return
    rack = -1 - who
    state.rack_failed[rack] = False
    for node in site.rack_nodes[site.rack_start[rack] : site.rack_start[rack + 1]]:
        come_back(site, state, record, node)


@numba.njit(cache=True)
def leave(site: Any, state: Any, record: Any, node: Any) -> None:
    """One reason more why a node is away."""
    state.reasons[node] += 1
    if state.reasons[node] > 1:
        return
    cell = site.cell[node]
    margin = state.away[cell]
    state.away[cell] += 1
    # At one margin only the cell becomes short: at that which its nodes away have just passed.
    if margin < len(state.short):
        change(site, state, record, cell, margin, 1)


@numba.njit(cache=True)
def come_back(site: Any, state: Any, record: Any, node: Any) -> None:
    """One reason fewer."""
    state.reasons[node] -= 1
    if state.reasons[node] > 0:
        return
    cell = site.cell[node]
    state.away[cell] -= 1
    if state.away[cell] < len(state.short):
        change(site, state, record, cell, state.away[cell], -1)


@numba.njit(cache=True)
def push(state: Any, due: Any, who: Any) -> None:
    """Put something on the heap of what comes back."""
    at = state.size[0]
    state.size[0] += 1
    while at > 0 and state.due[(at - 1) // 2] > due:
        state.due[at], state.who[at] = state.due[(at - 1) // 2], state.who[(at - 1) // 2]
        at = (at - 1) // 2
    state.due[at], state.who[at] = due, who


@numba.njit(cache=True)
def pop(state: Any) -> Any:
    """Take what comes back first off the heap."""
    first = state.who[0]
    state.size[0] -= 1
    size = state.size[0]
    due, who = state.due[size], state.who[size]
    at = 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and state.due[child + 1] < state.due[child]:
            child += 1
        if state.due[child] >= due:
            break
        state.due[at], state.who[at] = state.due[child], state.who[child]
        at = child
    state.due[at], state.who[at] = due, who
    return first
