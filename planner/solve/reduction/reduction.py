"""The reduction: what a domain costs as a function of its width vector.

A domain that holds ``w[p]`` cells of stage p pays

    f(w) = sum_p h[p, w[p]] - sum_p v[p] * min(w[p], w[p + 1]) - v_wrap * min(w[P - 1], w[0])
           - sum_p rungs[p] * min(w[p], w[P - 1 - p])

and the crossing bytes of a tier are ``constant + sum over its domains of f(w)``. This holds with
equality where every family either stays inside a cell, runs along the pipeline, or joins all cells
of a stage by a collective that only counts the domains it touches; elsewhere f is a lower bound
(`StageCosts.exact` says which).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner.workload.family import Family, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.setup.blocks import Blocks
    from planner.workload.mesh import Mesh

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

SUPPORT_FACTOR = {
    Kind.ALL_REDUCE: 2.0,
    Kind.ALL_GATHER: 1.0,
    Kind.REDUCE_SCATTER: 1.0,
    Kind.BROADCAST: 1.0,
}


@dataclass(frozen=True)
class Incidence:
    """How the groups of a family lie over the cells of one stage.

    Every group has `group_ranks` ranks, `ranks_per_cell` of them in each of `cells_per_group` cells.
    """

    group_ranks: int
    ranks_per_cell: int
    cells_per_group: int


@dataclass(frozen=True)
class StageCosts:
    """The terms of f, in bytes.

    Parameters
    ----------
    stages, replicas
        P and N: cells form a grid of P x N.
    terms
        Per stage the pieces that h is made of; see `holding`.
    v
        Bytes that stay home when neighbours p and p + 1 share a domain, shape (P - 1,).
    v_wrap
        The same for last and first stage.
    rungs
        The same for stages p and P - 1 - p, which share parameters in a bidirectional pipeline;
        shape (P // 2,), all 0 elsewhere.
    constant
        Bytes added once to the sum over domains.
    exact
        Whether f predicts the bytes or only bounds them from below.
    part_bytes
        What a domain pays at least for holding m of the B ranks of a cell of each stage, shape
        (P, B + 1); 0 at both ends.
    granule_bytes
        Crossing bytes are a multiple of this; 0 where payloads are not whole bytes.
    ahead
        What every width will cost in the tiers further in, shape (P, N + 1); None where f is to be
        that of one tier alone.
    """

    stages: int
    replicas: int
    cell_ranks: int
    terms: tuple[tuple[str, int, FloatArray], ...]
    v: FloatArray
    v_wrap: float
    rungs: FloatArray
    constant: float
    exact: bool
    part_bytes: FloatArray
    granule_bytes: int
    ahead: FloatArray | None = None

    def looking_ahead(self, ahead: FloatArray | None) -> StageCosts:
        """The same terms, and what widths will cost further in, in bytes of this tier.

        `ahead` must be subadditive in the width, which keeps segments independent.
        """
        return self if ahead is None else replace(self, ahead=ahead, granule_bytes=0)

    def holding(self, widest: int) -> FloatArray:
        """Table of h, shape (P, widest + 1)."""
        w = np.arange(widest + 1, dtype=np.float64)
        table = np.zeros((self.stages, widest + 1))
        for form, cells, coefficient in self.terms:
            rest = w % cells
            if form == "touched":
                shape = np.ceil(w / cells)
            elif form == "partial":
                shape = (rest > 0).astype(np.float64)
            else:
                shape = rest * (cells - rest)
            table += coefficient[:, None] * shape
        if self.ahead is not None:
            table += self.ahead[:, np.minimum(w.astype(np.int64), self.ahead.shape[1] - 1)]
        return table

    def of_run(self, first: int, count: int) -> StageCosts:
        """The terms of `count` consecutive stages alone, from `first` on (round the ring, if it is one)."""
        stages = np.arange(first, first + count) % self.stages
        return replace(
            self,
            stages=count,
            terms=tuple((form, cells, coefficient[stages]) for form, cells, coefficient in self.terms),
            v=np.append(self.v, self.v_wrap)[stages[:-1]],
            v_wrap=0.0,
            rungs=np.zeros(count // 2),
            constant=0.0,
            part_bytes=self.part_bytes[stages],
            ahead=None if self.ahead is None else self.ahead[stages],
        )

    def evaluate(self, widths: IntArray) -> float:
        """Crossing bytes of a tier whose domains hold `widths`, shape (domains, P)."""
        return self.constant + float(self.domain_bytes(widths).sum())

    def domain_bytes(self, widths: IntArray) -> FloatArray:
        """f of each width vector, shape (domains,)."""
        widths = np.asarray(widths)
        table = self.holding(int(widths.max(initial=0)))
        cost = table[np.arange(self.stages)[None, :], widths].sum(axis=1)
        if self.stages > 1:
            cost -= np.minimum(widths[:, :-1], widths[:, 1:]) @ self.v
            cost -= self.v_wrap * np.minimum(widths[:, -1], widths[:, 0])
            half = len(self.rungs)
            cost -= np.minimum(widths[:, :half], widths[:, : -half - 1 : -1]) @ self.rungs
        result: FloatArray = cost
        return result


def incidence(family: Family, blocks: Blocks) -> Incidence:
    """How `family`, which must not run along the pipeline, lies over the cells of a stage."""
    ranks = blocks.rank_table()[0]
    groups = _group_of_rank(family, blocks.mesh, ranks)
    cells = np.broadcast_to(np.arange(blocks.replicas)[:, None], ranks.shape)
    first = groups == groups.flat[0]
    touched = len(np.unique(cells[first]))
    size = int(first.sum())
    return Incidence(size, size // touched, touched)


def _group_of_rank(family: Family, mesh: Mesh, ranks: IntArray) -> NDArray[np.int64]:
    """An id of the group of each rank, equal for ranks that differ along the family's axes only."""
    folded = "ep" in family.axes or "edp" in family.axes
    others = ("tp", "ep", "edp", "pp") if folded else ("tp", "cp", "dp", "pp")
    ids = np.zeros(ranks.shape, np.int64)
    for axis in others:
        if axis not in family.axes:
            ids = ids * mesh.degree(axis) + mesh.coordinate(axis, ranks)
    return ids


def reduce_costs(families: Sequence[Family], blocks: Blocks) -> StageCosts:
    """Turn the families into the terms of f for one cut into cells."""
    builder = _Builder(blocks)
    for family in families:
        if "pp" in family.axes:
            builder.add_pipeline(family)
        else:
            builder.add_stage_family(family)
    return builder.build()


class _Builder:
    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        self.terms: dict[tuple[str, int], FloatArray] = {}
        self.v = np.zeros(max(blocks.stages - 1, 0))
        self.v_wrap = 0.0
        self.rungs = np.zeros(blocks.stages // 2)
        self.constant = 0.0
        self.exact = True
        self.internal: list[tuple[Family, int]] = []
        self.payloads: list[float] = []

    def add_pipeline(self, family: Family) -> None:
        blocks, stages = self.blocks, self.blocks.stages
        if stages == 1:
            return
        per_cell = np.asarray(family.payload_bytes) * blocks.cell_ranks
        if family.kind in (Kind.PATH, Kind.RING):
            self.payloads += family.payload_bytes
            self.v += per_cell[: stages - 1]
            self.constant += float(per_cell.sum()) * blocks.replicas
            if family.kind is Kind.RING:
                self._add_wrap(float(per_cell[-1]))
        elif len(family.stages or range(stages)) == 2 and family.kind in SUPPORT_FACTOR:
            self._add_pair(family)
        else:
            self.exact = False
            self.payloads += family.payload_bytes

    def _add_wrap(self, per_cell: float) -> None:
        """The edge from last to first stage; joining runs over the seam may not close a replica."""
        if self.blocks.stages == 2:
            self.v[0] += per_cell
        else:
            self.v_wrap += per_cell
            self.exact = False

    def _add_pair(self, family: Family) -> None:
        """A collective between two stages of a replica is an edge between them."""
        first, last = family.stages or (0, 1)
        one = SUPPORT_FACTOR[family.kind] * family.payload_bytes[0]
        self.payloads.append(one)
        per_cell = one * self.blocks.cell_ranks
        if last - first == 1:
            self.v[first] += per_cell
        elif (first, last) == (0, self.blocks.stages - 1):
            self._add_wrap(per_cell)
        elif first + last == self.blocks.stages - 1:
            self.rungs[first] += per_cell
            self.exact = False
        else:
            self.exact = False
            return
        self.constant += per_cell * self.blocks.replicas

    def add_stage_family(self, family: Family) -> None:
        lies = incidence(family, self.blocks)
        if lies.group_ranks == 1:
            return
        payload = np.asarray(family.payload_bytes, np.float64)
        if lies.cells_per_group == 1:
            self.internal.append((family, lies.group_ranks))
            self.payloads += list(payload)
            return
        per_cell = self.blocks.cell_ranks // lies.ranks_per_cell
        groups = self.blocks.replicas * per_cell // lies.cells_per_group
        spanning = lies.cells_per_group == self.blocks.replicas
        if family.kind in SUPPORT_FACTOR:
            bytes_each = SUPPORT_FACTOR[family.kind] * payload
            self._add_term("touched", lies.cells_per_group, bytes_each * per_cell)
            self.constant -= float(bytes_each.sum()) * groups
            self.payloads += list(bytes_each)
            self.exact &= spanning
        else:
            self._add_ordered(family.kind, lies, payload, per_cell, groups)

    def _add_ordered(
        self, kind: Kind, lies: Incidence, payload: FloatArray, per_cell: int, groups: int
    ) -> None:
        """Rings, paths and all-to-all: f is a bound, tight where each group sits in one run."""
        self.exact = False
        self.payloads += list(payload)
        if kind is Kind.ALL_TO_ALL:
            pairs = payload * per_cell * lies.ranks_per_cell**2
            self._add_term("pairs", lies.cells_per_group, pairs)
        elif kind is Kind.RING:
            self._add_term("partial", lies.cells_per_group, payload * per_cell)
        else:
            self._add_term("touched", lies.cells_per_group, payload * per_cell)
            self.constant -= float(payload.sum()) * groups

    def _add_term(self, form: str, cells: int, coefficient: FloatArray) -> None:
        key = (form, cells)
        self.terms[key] = self.terms.get(key, np.zeros(self.blocks.stages)) + coefficient

    def build(self) -> StageCosts:
        blocks = self.blocks
        return StageCosts(
            stages=blocks.stages,
            replicas=blocks.replicas,
            cell_ranks=blocks.cell_ranks,
            terms=tuple((form, cells, c) for (form, cells), c in self.terms.items()),
            v=self.v,
            v_wrap=self.v_wrap,
            rungs=self.rungs,
            constant=self.constant,
            exact=self.exact,
            part_bytes=part_bytes(self.internal, blocks),
            granule_bytes=_common_divisor(self.payloads),
        )


def _common_divisor(payloads: list[float]) -> int:
    """Largest integer that divides every payload; 0 where one is not a whole number."""
    if any(value != int(value) or value > 2**53 for value in payloads):
        return 0
    return int(np.gcd.reduce(np.asarray([int(v) for v in payloads] or [0], np.int64)))


def part_bytes(internal: Sequence[tuple[Family, int]], blocks: Blocks) -> FloatArray:
    """Least bytes a domain pays for holding only m of a cell's B ranks, shape (P, B + 1).

    With the m ranks spread over J of the cell's `run` inner blocks, a family of lines of n ranks
    pays at least a share that depends on m and J alone; the cheapest J counts.
    """
    size = blocks.cell_ranks
    least = np.zeros((blocks.stages, size + 1))
    if not internal:
        return least
    payloads = np.asarray([family.payload_bytes for family, _ in internal], np.float64)
    for present in range(1, size):
        rows = range(-(-present // blocks.inner), min(blocks.run, present) + 1)
        shares = [[_share(family, line, present, row) for family, line in internal] for row in rows]
        least[:, present] = (np.asarray(shares) @ payloads).min(axis=0)
    return least


def _share(family: Family, line: int, present: int, rows: int) -> float:
    """Least payloads of one internal family that a domain with `present` ranks in `rows` blocks pays.

    A domain's share of an all-reduce with m of n ranks is ``2 S (1 - m / n)``: over all domains
    that sums to ``2 S (k - 1)``. Other kinds alike, each rounded down to what every arrangement
    pays.
    """
    if "tp" in family.axes:
        lines, longest = rows, line
    else:
        lines = max(-(-present // rows), -(-present // line))
        longest = min(line, rows)
    if family.kind in SUPPORT_FACTOR:
        return SUPPORT_FACTOR[family.kind] * (lines - present / line)
    if family.kind is Kind.PATH:
        return lines - present / line
    rest = present % line
    if family.kind is Kind.RING:
        short = lines * line - present
        return -(-short // (line - 1)) if longest == line else lines
    if "tp" in family.axes:
        return lines * line - present
    return max((line - longest) * present, rest * (line - rest))
