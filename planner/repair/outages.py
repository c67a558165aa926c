"""What of a cluster is away, day after day: failures and repairs simulated event by event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import UsageError
from planner.repair.cells import Cells
from planner.repair.failures import Components

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from planner.repair.failures import Failures
    from planner.repair.outage_kernel import Record, Site, State
    from planner.topology.cluster import Cluster

    IntArray = NDArray[np.int64]
    FloatArray = NDArray[np.float64]

MOST_ALLOWED = 64
"""Largest allowance of short cells a domain of which the time beyond it is counted."""
SETTLE = 10
"""Mean repairs that pass before anything is counted: by then hardware is as it is in the long run."""
ROUND = 50
MOST_FAILURES = 1e9


@dataclass(frozen=True, eq=False)
class Outages:
    """Short cells over a number of windows of equal length that follow one another.

    A cell is short at margin m where more than m of its nodes are away.

    Parameters
    ----------
    days
        Simulated days.
    failures
        How many there were.
    share
        Share of the time with so many short cells, shape (margins, cells + 1).
    most
        The most short cells of each window, shape (windows, margins).
    most_inside
        The most short cells of one domain, shape (windows, margins, outer tiers).
    beyond
        Mean number of cells that are short beyond an allowance for every domain, shape (margins, outer
        tiers, allowances).
    """

    days: float
    failures: int
    share: FloatArray
    most: IntArray
    most_inside: IntArray
    beyond: FloatArray


def simulate_outages(
    cluster: Cluster,
    failures: Failures,
    *,
    tier: int,
    margins: int,
    window_s: float,
    windows: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Outages:
    """Simulate failures and repairs, each after an exponential time.

    A GPU, a NIC or a node that fails takes its node out until it is repaired; a rack all of its nodes.
    What the cluster lacks from the beginning stays away, and so does a node with fewer GPUs than most have.

    Parameters
    ----------
    tier
        Tier whose domains are the cells.
    margins
        Margins to count, from 0.
    window_s, windows
        Length of a window, and how many.
    progress
        Told now and then how many windows of all are done.

    Raises
    ------
    UsageError
        U010 where it would take hours.
    """
    from planner.repair.outage_kernel import advance

    total_s = windows * window_s
    settled = SETTLE * max([*failures.repair_s.values(), 1.0])
    site, state, record = _begin(cluster, failures, tier, margins, settled + total_s)
    _require_short(site, settled + total_s)
    random = np.random.default_rng(seed)
    advance(site, state, record, settled, random)
    record.seconds[:], record.beyond_seconds[:] = 0.0, _beyond(state) * total_s
    most = np.zeros((windows, margins), np.int64)
    most_inside = np.zeros((windows, *record.most_inside.shape), np.int64)
    count = 0
    for window in range(windows):
        record.most[:] = state.short
        record.most_inside[:] = state.short_inside.max(axis=2, initial=0)
        count += advance(site, state, record, settled + (window + 1) * window_s, random)
        most[window], most_inside[window] = record.most, record.most_inside
        if progress is not None and (window + 1) % max(1, windows // ROUND) == 0:
            progress(window + 1, windows)
    share, beyond = record.seconds / total_s, record.beyond_seconds / total_s
    return Outages(total_s / 86400, count, share, most, most_inside, beyond)


def _require_short(site: Site, total_s: float) -> None:
    expected = total_s * (site.cumulated[-1] + site.rack_rate * (len(site.rack_start) - 1))
    if expected > MOST_FAILURES:
        raise UsageError.of(
            "U010",
            f"about {expected:.2g} failures would have to be simulated",
            expected=f"at most {MOST_FAILURES:.0e}: fewer or shorter periods, or rarer failures",
        )


def _begin(
    cluster: Cluster, failures: Failures, tier: int, margins: int, end_s: float
) -> tuple[Site, State, Record]:
    """The cluster as it is, everything in service that its file has in service."""
    from planner.repair.outage_kernel import Record, Site, State

    components = Components.of(cluster)
    cells = Cells.of(cluster, components, tier)
    rates = components.node_rates(failures)
    start, members = _racks(components)
    outer, away = cells.outer, cells.lacking.copy()
    site = Site(
        rates,
        np.cumsum(rates.sum(axis=1)),
        np.array([failures.repair_s[kind] for kind in ("gpu", "nic", "node")]),
        1.0 / failures.mtbf_s["rack"],
        failures.repair_s["rack"],
        start,
        members,
        cells.of_node,
        outer,
        end_s,
    )
    missing = ~cells.whole
    short = np.array([(away > margin).sum() for margin in range(margins)], np.int64)
    inside = np.zeros((margins, len(outer), int(outer.max(initial=-1)) + 1), np.int64)
    for margin in range(margins):
        for place, domain in enumerate(outer):
            inside[margin, place] = np.bincount(domain[away > margin], minlength=inside.shape[2])
    size = cluster.nodes + len(start)
    state = State(
        np.zeros(1),
        np.zeros(margins),
        np.zeros(size),
        np.zeros(size, np.int64),
        np.zeros(1, np.int64),
        missing.copy(),
        missing.astype(np.int64),
        np.zeros(len(start), np.bool_),
        away,
        short,
        inside,
    )
    return (
        site,
        state,
        Record(
            np.zeros((margins, len(away) + 1)),
            np.zeros((margins, len(outer), MOST_ALLOWED + 1)),
            short.copy(),
            np.zeros((margins, len(outer)), np.int64),
        ),
    )


def _beyond(state: State) -> FloatArray:
    """Cells that are short beyond each allowance, all domains of a tier together."""
    allowed = np.arange(MOST_ALLOWED + 1)[:, None, None, None]
    beyond = np.maximum(state.short_inside[None] - allowed, 0).sum(axis=3)
    ordered: FloatArray = np.moveaxis(beyond, 0, 2).astype(np.float64)
    return ordered


def _racks(components: Components) -> tuple[IntArray, IntArray]:
    """Where the nodes of each rack begin, and all of them, rack by rack."""
    held = np.flatnonzero((components.rack >= 0) & (components.gpus > 0))
    members = held[np.argsort(components.rack[held], kind="stable")]
    _, first = np.unique(components.rack[members], return_index=True)
    return np.append(first, len(members)).astype(np.int64), members.astype(np.int64)
