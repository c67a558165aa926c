"""Constructions over bundles of domains, for cells that no domain of the inner tiers has room for."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.construct import Constructions
from planner.solve.setup.bundles import bundle, first_cuts, next_cuts
from planner.solve.steps import Told, placements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from planner.solve.setup.cuts import Cut

    IntArray = NDArray[np.int32]

# Of the time, for finding out how cells are cut best, and for going on where that is the best known.
CUTS_SHARE, LEADING_SHARE = 0.1, 0.6
# Of the time for all cuts, for a short walk of one of them.
DRAFT_SHARE = 0.1


def construct_bundled(
    work: Constructions, told: Told, offer: Callable[[IntArray], float], known: float
) -> Constructions | None:
    """Place parts of many cells in every inner domain, and go on with the best cut where it leads.

    Returns its constructions, None where a placement known is as good as all that is found at once.
    Nothing that is proven on the way counts: other placements need not keep to the bundles.

    Parameters
    ----------
    work
        Of the same cells, without bundles.
    told
        Asked whether nothing is left to gain.
    offer
        Told the GPU of every rank of a placement; says what that costs, infinity where a rule forbids it.
    known
        What the best other placement costs.
    """
    control = work.control
    with control.step(CUTS_SHARE):
        built, least = best_bundled(work, offer)
    if built is None or least >= known:
        return None
    placed_alone(built, told, offer, LEADING_SHARE)
    return built


def placed_alone(built: Constructions, told: Told, offer: Callable[[IntArray], float], share: float) -> None:
    """Offer placements of a restricted job for a part of the time; what they prove nobody is told."""
    with built.control.step(share):
        for gpu_of_rank in _placements(built, told.offer, told.near):
            offer(gpu_of_rank)
            if told.near() or built.control.over:
                break


def _placements(
    built: Constructions, offer: Callable[[IntArray], object], near: Callable[[], bool]
) -> Iterator[IntArray]:
    """All placements of a restricted job, after the quick ones."""
    told = Told(lambda *_: None, lambda _: None, near, offer, near)
    return placements(built, np.zeros(len(built.problem.cluster.tiers)), told, 1.0)


def best_bundled(
    work: Constructions, offer: Callable[[IntArray], float]
) -> tuple[Constructions | None, float]:
    """Constructions over the bundles with the best of all quick placements, and what that costs.

    From the best cut on, those that differ from it in one thing are tried as well, until none is better.
    None and infinity where no bundles hold the job.
    """
    limited = work.control.limited
    found: dict[Cut, tuple[float, Constructions]] = {}
    tried: set[Cut] = set()
    best: Cut | None = None
    cuts = first_cuts(work.problem, work.layout)
    while True:
        for cut in cuts:
            if work.control.over:
                break
            layout = None if cut in tried else bundle(work.problem, work.layout, cut)
            tried.add(cut)
            if layout is not None:
                built = Constructions(work.problem, layout, work.control)
                # Quick placements need not obey rules on replicas and stages; those that follow do.
                drafts = (
                    _placements(built, offer, lambda: False) if built.rules else built.better(built.draft())
                )
                found[cut] = min(map(offer, chain(built.quick(), limited(DRAFT_SHARE, drafts)))), built
        before, best = best, min(found, key=lambda each: found[each][0], default=None)
        if best is None:
            return None, np.inf
        if best == before or work.control.over:
            least, built = found[best]
            return built, least
        cuts = next_cuts(work.problem, work.layout, best)
