"""Improve pieces a few domains at a time: those that cost more than they should, and some beside them.

What a relaxation says cells are worth tells how far each domain is above what one of its room could
charge at best. These excesses add up to the whole distance from the bound. So the domains to pack again,
together, are drawn by their excess: effort goes where the gap is, and a domain that is as good as any is
freed only to make room for a neighbour's change.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.columns.master import CapacityClass
from planner.solve.columns.packing import PackingModel, met, split
from planner.solve.columns.residual import Piece, pieces_bytes
from planner.solve.columns.rows import kind_of_domain, put, rows_of
from planner.solve.columns.segments import Excess, nearest_segments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.control import Control, Search

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]
    IntArray = NDArray[np.int32]

FEWEST_DOMAINS, FIRST_DOMAINS = 10, 22
# A group grows by these factors after trials that all came to an end, and that partly did; else it shrinks.
ALL_ENDED, SOME_ENDED, NONE_ENDED = 1.3, 1.08, 0.9
FIRST_S, MOST_S, LONGER = 0.7, 2.5, 1.2
# Of a group's excess what a trial may leave: the less, the smaller its model. All of it but a granule is
# what anything better may leave.
SHARES, ANY = (0.3, 0.5, 0.8, 1.0, 1.0), 1.0
MOST_SEGMENTS = 1_500
# Domains are freed by their distance in stages, less so much for the root of their excess, and a random
# part.
TOWARDS_EXCESS, SCATTER = 3.0, 4.0
NONE = 1e-6


@dataclass(frozen=True, eq=False)
class Trial:
    """Some domains to pack again, as a job of their own.

    Parameters
    ----------
    domains
        Their numbers, shape (domains,).
    stages
        The stages that they hold, in a row; round the seam on a ring; shape (stages,).
    model
        Of the segments that could make them better; None where the relaxation says that nothing can.
    """

    domains: IndexArray
    stages: IndexArray
    model: PackingModel | None

    def search(self, control: Control, limit_s: float, *, plain: bool) -> Search | None:
        """Search the model, if there is one."""
        return None if self.model is None else control.search(self.model.cp, limit_s, plain=plain)


class Neighbourhoods:
    """The width vector of every domain, and what each costs too much.

    Parameters
    ----------
    worth
        Of every width of every stage, shape (P, widest + 1).
    excess
        How far choices of segments are above the bound that these worths imply.
    """

    def __init__(
        self,
        costs: StageCosts,
        classes: Sequence[CapacityClass],
        pieces: Sequence[Piece],
        worth: FloatArray,
        excess: Excess,
    ) -> None:
        self.costs, self.classes, self.worth, self.excess = costs, classes, worth, excess
        self.kinds = kind_of_domain(classes)
        self.rows = rows_of(pieces, self.kinds, costs.stages)
        room = np.asarray([k.capacity for k in classes])[self.kinds]
        self.least = np.minimum.accumulate(excess.packed)[room]
        self.unit = float(costs.granule_bytes or max(1.0, costs.v.max(initial=0.0)))
        self.ring = costs.v_wrap > 0

    @property
    def bytes(self) -> float:
        """Sum of f."""
        return float(self.costs.domain_bytes(self.rows).sum())

    def pieces(self) -> list[Piece]:
        """All domains in use."""
        used = np.flatnonzero(self.rows.any(axis=1))
        return [Piece(int(self.kinds[domain]), self.rows[domain].copy(), 1) for domain in used]

    def excesses(self) -> FloatArray:
        """How far every domain is above the least that one of its room charges, shape (domains,)."""
        worth = self.worth[np.arange(self.costs.stages), self.rows].sum(axis=1)
        above: FloatArray = self.costs.domain_bytes(self.rows) - worth - self.least
        return np.where(above > NONE * self.unit, above, 0.0)

    def improve(self, bound: float, control: Control, limit_s: float) -> None:
        """Pack groups of domains again until the bound is met, nothing is to be gained, or the time is spent.

        Groups that share no domain are packed side by side, one a thread. They grow where trials end, and
        shrink, with more time for each, where that is too short to tell.
        """
        ends_s, random = control.clock_s + limit_s, np.random.default_rng(control.seed)
        size, seconds = min(float(FIRST_DOMAINS), len(self.rows)), FIRST_S
        with ThreadPoolExecutor(control.threads) as pool:
            while not met(self.costs, self.bytes, bound) and not control.over and control.clock_s < ends_s:
                trials = self._trials(round(size), control.threads, random)
                limit = min(seconds, ends_s - control.clock_s)
                plain = len(trials) > 1
                jobs = [pool.submit(each.search, control, limit, plain=plain) for each in trials]
                found = [job.result() for job in jobs]
                gains = [self._take(*each) for each in zip(trials, found, strict=True)]
                if any(gains):
                    continue
                ended = [each is None or each.proven or each.infeasible for each in found]
                if all(ended) and size >= len(self.rows):
                    return
                factor = ALL_ENDED if all(ended) else SOME_ENDED if any(ended) else NONE_ENDED
                size = min(max(size * factor, FEWEST_DOMAINS), len(self.rows))
                seconds = seconds if any(ended) else min(seconds * LONGER, MOST_S)

    def _trials(self, size: int, most: int, random: np.random.Generator) -> list[Trial]:
        """Trials for a few groups of so many domains; one of all domains leaves nothing out."""
        whole = size == len(self.rows)
        groups = self.draw(size, most, random)
        return [self.trial(each, ANY if whole else float(random.choice(SHARES))) for each in groups]

    def draw(self, size: int, most: int, random: np.random.Generator) -> list[IndexArray]:
        """At most so many groups of domains without a domain in common, around some drawn by excess."""
        excess, free = self.excesses(), np.ones(len(self.rows), np.bool_)
        groups = []
        for _ in range(max(1, min(most, len(self.rows) // size))):
            chance = np.where(free, excess, 0.0)
            chance = chance if chance.any() else free.astype(np.float64)
            drawn = int(random.choice(len(chance), p=chance / chance.sum()))
            far = self._apart(drawn, random) - TOWARDS_EXCESS * np.sqrt(excess / self.unit)
            far += SCATTER * random.random(len(far))
            near = np.argsort(np.where(free, far, np.inf), kind="stable")[:size]
            free[near] = False
            groups.append(np.sort(near))
        return groups

    def _apart(self, drawn: int, random: np.random.Generator) -> FloatArray:
        """Stages between the middle of each domain and that of the drawn one, shape (domains,).

        An empty domain is anywhere.
        """
        stages, used = self.costs.stages, self.rows.sum(axis=1)
        middle = (self.rows @ np.arange(stages)) / np.maximum(used, 1)
        if self.ring:
            turns = np.exp(2j * np.pi * np.arange(stages) / stages)
            middle = np.angle(self.rows @ turns) / (2 * np.pi) % 1.0 * stages
        middle = np.where(used > 0, middle, stages * random.random(len(middle)))
        apart: FloatArray = np.abs(middle - middle[drawn])
        return np.minimum(apart, stages - apart) if self.ring else apart

    def trial(self, domains: IndexArray, share: float) -> Trial:
        """A search for what leaves at most a share of the excess of some domains, and is better."""
        rows = self.rows[domains]
        stages, excess = self._stages_of(rows), float(self.excesses()[domains].sum())
        better = excess - self.costs.granule_bytes * (1 - NONE) + NONE * self.unit
        if better < 0 or not len(stages):
            return Trial(domains, stages, None)
        classes, costs = self._classes_of(domains), self._costs_of(stages)
        budget = min(share * excess, better)
        room = max(k.capacity for k in classes)
        guide = Excess.of(self.excess.paid[: room + 1], classes, 0.0)
        segments, _ = nearest_segments(costs, self.worth[stages, : room + 1], guide, budget, MOST_SEGMENTS)
        known = self._known(domains, stages)
        if share == ANY:
            ring = costs.v_wrap > 0
            in_use = [part for piece in known for part in split(piece.widths, ring=ring)]
            segments, budget = segments.first(MOST_SEGMENTS, costs, np.stack(in_use)), excess
        coverage = rows[:, stages].sum(axis=0).astype(np.int32)
        model = PackingModel(costs, classes, coverage, segments, guide.steps(budget + NONE * self.unit))
        if share == ANY:
            model.hint(known)
        else:
            model.limit(float(self.costs.domain_bytes(rows).sum()) - excess + budget)
        return Trial(domains, stages, model)

    def _kinds_of(self, domains: IndexArray) -> list[int]:
        """The classes of some domains, those with room."""
        return [kind for kind in np.unique(self.kinds[domains]).tolist() if self.classes[kind].capacity]

    def _classes_of(self, domains: IndexArray) -> list[CapacityClass]:
        """Some domains by class."""
        counts = np.bincount(self.kinds[domains], minlength=len(self.classes))
        return [
            CapacityClass(self.classes[kind].capacity, int(counts[kind])) for kind in self._kinds_of(domains)
        ]

    def _known(self, domains: IndexArray, stages: IndexArray) -> list[Piece]:
        """What some domains hold, as pieces for their classes."""
        place = {kind: number for number, kind in enumerate(self._kinds_of(domains))}
        held = zip(self.kinds[domains].tolist(), self.rows[np.ix_(domains, stages)], strict=True)
        return [Piece(place[kind], row, 1) for kind, row in held if row.any()]

    def _costs_of(self, stages: IndexArray) -> StageCosts:
        """The terms of f of a run of stages; a whole ring stays one."""
        whole = len(stages) == self.costs.stages
        return self.costs if whole else self.costs.of_run(int(stages[0]), len(stages))

    def _stages_of(self, rows: IntArray) -> IndexArray:
        """The stages from the first to the last that some domains hold; on a ring the shortest such run."""
        held, stages = np.flatnonzero(rows.any(axis=0)), self.costs.stages
        if not len(held):
            return held
        first, last = int(held[0]), int(held[-1])
        if self.ring and len(held) < stages:
            after = int(np.argmax(np.diff(np.append(held, held[0] + stages))))
            first, last = int(held[(after + 1) % len(held)]), int(held[after])
            last += stages if last < first else 0
        return np.arange(first, last + 1) % stages

    def _take(self, trial: Trial, search: Search | None) -> bool:
        """Give a trial's domains what was found where that is better."""
        if trial.model is None or search is None or not search.found:
            return False
        found = trial.model.pieces(search)
        before = float(self.costs.domain_bytes(self.rows[trial.domains]).sum())
        if pieces_bytes(trial.model.costs, found) >= before - NONE * self.unit:
            return False
        kinds = self._kinds_of(trial.domains)
        wide = []
        for piece in found:
            widths = np.zeros(self.costs.stages, np.int32)
            widths[trial.stages] = piece.widths
            wide.append(Piece(kinds[piece.kind], widths, piece.count))
        put(self.rows, trial.domains, wide, self.kinds)
        return True
