"""Placements of one layout, better and better: walks and bounds, then each tier in the lead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.bound.rounding import rounded_up
from planner.solve.hierarchy.hierarchy import candidates
from planner.solve.hierarchy.outside_in import outside_in
from planner.solve.splits.few_domains import MOST_DOMAINS, least_of_few, splits_compiled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from planner.solve.construct import Constructions

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

# Parts of the time that is left at each.
DRAFT_SHARE, RESTARTS_SHARE, OUTSIDE_SHARE, COLD_SHARE = 0.25, 0.45, 0.1, 0.5
WALK_SHARE, BOUND_SHARE, LAST_WALK_SHARE = 0.1, 0.4, 0.1
SHARES_SHARE, SPLIT_SHARE, FEW_SHARE = 0.3, 0.6, 0.85
# Where replicas are many shares say little more than a relaxation, and take long.
# The bound over all tiers rises by more than walks gain until it is done.
SHARED_REPLICAS, MANY_SHARE = 150, 0.6
# Of pairs before packing, and turns for each domain without a gain after which packing is better.
PAIRS_SHARE, FEW_TURNS = 0.1, 300


@dataclass(frozen=True)
class Told:
    """Who is told, and asked, on the way.

    Parameters
    ----------
    learn
        Told a tier and a lower bound on its crossing bytes, where a construction proves one.
    learn_all
        Told a lower bound on the objective, where it is the weighted bytes of all tiers.
    near
        Asked whether nothing is left to gain.
    offer
        Told the GPU of every rank of a placement that is not yielded, since others are being bounded.
    attempt
        Asked the same between steps of jobs of several tiers, where it may take a moment to prove it.
    """

    learn: Callable[[int, float], None]
    learn_all: Callable[[float], None]
    near: Callable[[], bool]
    offer: Callable[[IntArray], object]
    attempt: Callable[[], bool]


def placements(work: Constructions, floors: FloatArray, told: Told, share: float) -> Iterator[IntArray]:
    """GPU of every rank, shape (world_size,), for one placement after the other, each better.

    Parameters
    ----------
    work
        Of the layout, after its quick placements.
    floors
        Lower bounds on the crossing bytes of every tier, shape (tiers,).
    share
        Part of the time that is left which the last walks may take.
    """
    for step in _steps(work, floors, told, share):
        yield from step
        if work.free and (work.control.over or told.attempt()):
            return


def _steps(work: Constructions, floors: FloatArray, told: Told, share: float) -> Iterator[Iterator[IntArray]]:
    """What yields placements, step by step."""
    if work.lacks_walks:
        # While walks are compiled, which need what is left of the time more than this does.
        outside = outside_in(work.tree, work.costs, work.control)
        yield work.better(work.control.limited(COLD_SHARE, outside))
    if work.free:
        yield work.better(work.control.limited(DRAFT_SHARE, work.draft()))
        # Before the restarts: bounds lack a few seconds more than walks do, which go on beside them.
        yield _bounded_together(work, floors, told)
        yield work.better(work.control.limited(RESTARTS_SHARE, work.restarts()))
    if work.alone:
        yield from _alone(work, floors, told)
    elif not work.walked_only:
        if work.free:
            outside = outside_in(work.tree, work.costs, work.control)
            yield work.better(work.control.limited(OUTSIDE_SHARE, outside))
        yield _led(work, floors, told)
    if work.free:
        yield _walked_last(work, share)


def _alone(work: Constructions, floors: FloatArray, told: Told) -> Iterator[Iterator[IntArray]]:
    """Steps of a single tier: walks of pairs, and covers from the best where rooms are small."""
    if work.lacks_alone and work.covered:
        # While inner loops are compiled, which packing needs none of.
        yield work.control.limited(COLD_SHARE, _led(work, floors, told))
    if work.few:
        # Not in the time of the pairs.
        splits_compiled(work.control)
    if work.wide or work.few:
        yield work.better(work.control.limited(PAIRS_SHARE, work.paired(FEW_TURNS)))
    elif not work.soon_proven:
        yield work.better(work.quickly_paired())
    if work.few:
        yield _split(work, told)
    if work.covered and not told.near():
        yield _led(work, floors, told)
    if not told.near():
        if not work.soon_proven:
            yield work.better(work.paired())
        yield work.closed()


def _bounded_together(work: Constructions, floors: FloatArray, told: Told) -> Iterator[IntArray]:
    """What walks find while all tiers are bounded together, unless they were."""
    if not work.bounded_together or work.was_bounded_together:
        return
    with work.walking(told.offer):
        bound_together(work, floors, told)
    yield from work.walked()


def bound_together(work: Constructions, floors: FloatArray, told: Told) -> None:
    """Bound tiers of small domains by their shares, then all tiers together."""
    work.was_bounded_together = True
    many = work.costs.replicas > SHARED_REPLICAS
    with work.control.step(MANY_SHARE if many else BOUND_SHARE):
        shared = () if many else range(len(work.tree.levels) - 1)
        for index in shared:
            with work.control.step(SHARES_SHARE):
                _teach(work, told, index, work.shared_out(index))
        if not told.near():
            told.learn_all(work.bound(floors))
            for index in range(len(work.tree.levels) - 1):
                _teach(work, told, index, work.bound_apart(index))


def _teach(work: Constructions, told: Told, index: int, summed: float) -> None:
    """Tell of a lower bound on the sum of f of a level, where that is one on its tier's bytes."""
    if work.every_placement_is_of(index):
        told.learn(work.tree.levels[index].tier, rounded_up(work.costs, summed))


def _split(work: Constructions, told: Told) -> Iterator[IntArray]:
    """The placement that splits every stage best among a few domains, if it is found."""
    known, room = float(work.costs.domain_bytes(work.best).sum()), work.tree.levels[0].room
    # Walks have found the best of few domains long before it is proven.
    with work.control.step(SPLIT_SHARE if len(room) > MOST_DOMAINS else FEW_SHARE):
        found = least_of_few(work.costs, room, work.control, known)
    _teach(work, told, 0, found.bound)
    if found.widths is not None:
        yield from work.better(iter([found.widths]))


def _led(work: Constructions, floors: FloatArray, told: Told) -> Iterator[IntArray]:
    """Placements with each tier in the lead, then walks from the best: of several tiers, or of rings."""

    def teach(index: int, summed: float) -> None:
        _teach(work, told, index, summed)

    least = work.least if work.free and work.costs.exact else np.inf
    known = work.known(floors)
    leads = candidates(work.tree, work.costs, work.rules, known, work.control, teach, least, work.start)
    yield from work.better(work.control.limited(work.share_of_leads, leads))
    if work.free:
        yield from work.better(work.control.limited(WALK_SHARE, work.walks()))
    yield from work.closed()


def _walked_last(work: Constructions, share: float) -> Iterator[IntArray]:
    """What walks and regrouping find in the end."""
    with work.control.step(share):
        if not work.walked_only:
            yield from work.better(work.control.limited(LAST_WALK_SHARE, work.walks()))
        yield from work.better(work.restarts())
