"""Cover a domain's width vector by its children: whole numbers from the linear relaxation.

The relaxation says which width vectors are worth using and how often. Whole multiples are taken as
they are; what is left, at most a few domains more than there are stages, is solved as a small
integer programme in the widths themselves, which always has a solution where the cells fit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner.solve.columns.columns import relax
from planner.solve.columns.master import CapacityClass, Column
from planner.solve.columns.neighbourhoods import Neighbourhoods
from planner.solve.columns.packing import Cover, Packing, packable
from planner.solve.columns.polish import polish
from planner.solve.columns.residual import Piece, fill, fill_in_line, pieces_bytes, place_rest, whole_numbers
from planner.solve.hierarchy.cold_walk import walked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from planner.solve.columns.columns import Relaxation
    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.control import Control

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

WHOLE = 1e-6
COLUMN_SECONDS = 0.4
FIRST_SECONDS, IMPROVE_SECONDS, LAST_SECONDS = 0.7, 2.5, 1.5
WALK_EFFORT, WALK_SHARE = 1.0, 0.3
ONE_EACH_SHARE = 0.5
MOST_COLUMNS = 400
LAST_DOMAINS = 5
FEW_DOMAINS = 12
DIVE_TOLERANCE = 1e-4


def cover(
    costs: StageCosts,
    classes: Sequence[CapacityClass],
    coverage: IntArray,
    control: Control,
    effort: float = 1.0,
    start: Sequence[Piece] | None = None,
) -> Cover:
    """Give every child a width vector so that they sum to `coverage`, at little cost.

    Parameters
    ----------
    costs
        The terms of f.
    classes
        Children by capacity; together they hold at least as many cells as `coverage` has.
    coverage
        Cells of each stage to place, shape (P,).
    effort
        Share of the usual search limits; 0 for diving alone.
    start
        Known pieces to begin with, where there are any.
    """
    kinds = [i for i, k in enumerate(classes) if k.capacity > 0 and k.count > 0]
    usable = [classes[i] for i in kinds]
    place = {kind: number for number, kind in enumerate(kinds)}
    known = [replace(piece, kind=place[piece.kind]) for piece in start or ()]
    found = _covered(costs, usable, coverage, control, effort, known)
    pieces = [Piece(kinds[p.kind], p.widths, p.count) for p in found.pieces]
    return Cover(_fill_up(pieces, classes, len(coverage)), found.bound)


def _covered(
    costs: StageCosts,
    classes: Sequence[CapacityClass],
    coverage: IntArray,
    control: Control,
    effort: float,
    start: list[Piece],
) -> Cover:
    """Pieces for children that all have room for some cells; empty ones may be missing."""
    if not coverage.any():
        return Cover([], 0.0)
    if sum(k.count for k in classes) == 1:
        return Cover([Piece(0, coverage.astype(np.int32), 1)], float(costs.domain_bytes(coverage[None])[0]))
    line = start or fill_in_line(costs, classes, coverage, hurried=control.over)
    if control.over:
        return Cover(line, -np.inf)
    if effort > 0 and packable(costs, classes):
        return _packed(costs, classes, coverage, line, control, effort)
    relaxation = relax(costs, classes, coverage, control=control)
    whole = _whole(relaxation, coverage)
    if whole is not None:
        return Cover(whole, relaxation.bound)
    choices = [_dive(costs, relaxation, classes, coverage, control, effort), line]
    known = min(choices, key=lambda pieces: pieces_bytes(costs, pieces))
    if effort > 0:
        choices += _choose_columns(costs, relaxation, classes, known, control, effort)
        known = min(choices, key=lambda pieces: pieces_bytes(costs, pieces))
        known = _polished(costs, relaxation, classes, known, control, effort)
    return Cover(known, relaxation.bound)


def _packed(
    costs: StageCosts,
    classes: Sequence[CapacityClass],
    coverage: IntArray,
    known: list[Piece],
    control: Control,
    effort: float,
) -> Cover:
    """Pack from the known pieces; where that is not proven best, mend the worst of them and pack once more.

    A few domains are packed for longer instead.
    """
    packing = Packing(costs, classes, coverage, known, control)
    whole = _whole(packing.relaxation, coverage)
    if whole is not None:
        packing.offer(whole)
    packing.offer(_rounded(costs, packing.relaxation, classes, coverage))
    packing.search_one_each(ONE_EACH_SHARE * control.left_s)
    packing.search(FIRST_SECONDS * effort)
    if not packing.met and sum(k.count for k in classes) > FEW_DOMAINS:
        _mend(packing, effort)
    packing.search(LAST_SECONDS * effort)
    return packing.cover


def _mend(packing: Packing, effort: float) -> None:
    """Better starts for searches, and searches among the domains that cost too much."""
    costs, classes, control = packing.costs, packing.classes, packing.control
    if effort < WALK_EFFORT:
        packing.offer(_dive(costs, packing.relaxation, classes, packing.coverage, control, effort))
    else:
        with control.step(WALK_SHARE):
            packing.offer(walked(costs, classes, packing.pieces, control))
    around = Neighbourhoods(costs, classes, packing.pieces, packing.worth, packing.excess)
    around.improve(packing.bound, control, IMPROVE_SECONDS * effort)
    packing.offer(around.pieces())


def _polished(
    costs: StageCosts,
    relaxation: Relaxation,
    classes: Sequence[CapacityClass],
    pieces: list[Piece],
    control: Control,
    effort: float,
) -> list[Piece]:
    """The pieces after polishing, one each."""
    kinds = [piece.kind for piece in pieces for _ in range(piece.count)]
    rows = np.repeat(np.stack([p.widths for p in pieces]), [p.count for p in pieces], axis=0)
    rooms = [classes[kind].capacity for kind in kinds]
    rows = polish(costs, rooms, rows, relaxation.duals, relaxation.bound, control, effort)
    return [Piece(kind, row, 1) for kind, row in zip(kinds, rows, strict=True)]


def _fill_up(pieces: list[Piece], classes: Sequence[CapacityClass], stages: int) -> list[Piece]:
    """Add the empty children, so that every child has a vector."""
    used = Counter[int]()
    for piece in pieces:
        used[piece.kind] += piece.count
    empty = [(kind, k.count - used[kind]) for kind, k in enumerate(classes)]
    return pieces + [Piece(kind, np.zeros(stages, np.int32), n) for kind, n in empty if n]


def _whole(relaxation: Relaxation, coverage: IntArray) -> list[Piece] | None:
    """The relaxation as it stands, where its amounts are whole and its vectors real placements."""
    nearest = np.rint(relaxation.amounts)
    if np.abs(relaxation.amounts - nearest).max() >= WHOLE or not _countable(relaxation):
        return None
    used = [Piece(c.kind, c.widths, int(n)) for c, n in zip(relaxation.columns, nearest, strict=True) if n]
    return used if np.array_equal(_total(used, len(coverage)), coverage) else None


def _countable(relaxation: Relaxation) -> bool:
    """Whether the columns are whole width vectors (those of large domains are not)."""
    return all(column.widths.dtype.kind == "i" for column in relaxation.columns)


def _total(pieces: Sequence[Piece], stages: int) -> IntArray:
    """Cells of each stage in all pieces, shape (P,)."""
    total = np.zeros(stages, np.int64)
    for piece in pieces:
        total += piece.count * piece.widths.astype(np.int64)
    return total.astype(np.int32)


def _choose_columns(
    costs: StageCosts,
    relaxation: Relaxation,
    classes: Sequence[CapacityClass],
    known: Sequence[Piece],
    control: Control,
    effort: float,
) -> list[list[Piece]]:
    """The best whole choice among promising columns, starting from the known one."""
    from ortools.sat.python import cp_model

    if not _countable(relaxation) or control.over:
        return []
    columns = _promising(costs, relaxation, classes, known)
    coverage = _total(known, costs.stages)
    model = cp_model.CpModel()
    amount = [model.new_int_var(0, classes[c.kind].count, "") for c in columns]
    for stage, cells in enumerate(coverage):
        terms = [int(c.widths[stage]) * x for c, x in zip(columns, amount, strict=True) if c.widths[stage]]
        model.add(sum(terms) == int(cells))
    for kind, k in enumerate(classes):
        model.add(sum(x for c, x in zip(columns, amount, strict=True) if c.kind == kind) <= k.count)
    used: Counter[tuple[int, bytes]] = Counter()
    for piece in known:
        used[piece.kind, piece.widths.tobytes()] += piece.count
    for column, variable in zip(columns, amount, strict=True):
        model.add_hint(variable, used[column.kind, column.widths.tobytes()])
    cost = whole_numbers(np.asarray([c.cost for c in columns]), sum(k.count for k in classes))
    model.minimize(sum(int(w) * x for w, x in zip(cost, amount, strict=True)))
    found = control.search(model, COLUMN_SECONDS * effort, relative_gap=1e-6)
    if not found.found:
        return []
    taken = [int(found.solver.value(x)) for x in amount]
    return [[Piece(c.kind, c.widths, n) for c, n in zip(columns, taken, strict=True) if n]]


def _promising(
    costs: StageCosts, relaxation: Relaxation, classes: Sequence[CapacityClass], known: Sequence[Piece]
) -> list[Column]:
    """Vectors in use, and of the generated ones and the boxes those that could pay.

    With the known choice at a gap of g, a column whose reduced cost is more than g above the least of
    its class cannot be part of a better choice.
    """
    columns = {(c.kind, c.widths.tobytes()): c for c in relaxation.columns}
    for kind, k in enumerate(classes):
        boxes = np.stack(list(_boxes(costs.stages, k.capacity)))
        for widths, cost in zip(boxes, costs.domain_bytes(boxes), strict=True):
            columns.setdefault((kind, widths.tobytes()), Column(kind, widths, float(cost)))
    reduced = {key: c.cost - float(relaxation.duals @ c.widths) for key, c in columns.items()}
    least = [min(0.0, *(r for (kind, _), r in reduced.items() if kind == k)) for k in range(len(classes))]
    gap = pieces_bytes(costs, known) - relaxation.bound
    ranked = sorted(columns, key=lambda key: reduced[key] - least[key[0]])
    kept = [columns[key] for key in ranked if reduced[key] - least[key[0]] <= gap][:MOST_COLUMNS]
    chosen = {(c.kind, c.widths.tobytes()) for c in kept}
    for piece in known:
        if (piece.kind, piece.widths.tobytes()) not in chosen:
            chosen.add((piece.kind, piece.widths.tobytes()))
            kept.append(Column(piece.kind, piece.widths, float(costs.domain_bytes(piece.widths[None])[0])))
    return kept


def _boxes(stages: int, room: int) -> Iterator[IntArray]:
    """Near-equal widths over every run of consecutive stages, wider at its start or at its end."""
    for length in range(1, min(stages, room) + 1):
        even, more = divmod(room, length)
        start = np.asarray([even + 1] * more + [even] * (length - more), np.int32)
        for shape in (start, start[::-1]) if more else (start,):
            for first in range(stages - length + 1):
                widths = np.zeros(stages, np.int32)
                widths[first : first + length] = shape
                yield widths


def _dive(
    costs: StageCosts,
    relaxation: Relaxation,
    classes: Sequence[CapacityClass],
    coverage: IntArray,
    control: Control,
    effort: float,
) -> list[Piece]:
    """Take the whole part of every amount, relax what is left again, and so on.

    Where no amount reaches one, the largest is rounded up. The last few domains are left to
    `place_rest`, which always finds a way.
    """
    pieces: list[Piece] = []
    left, rest = coverage.copy(), list(classes)
    while left.any() and sum(k.count for k in rest) > LAST_DOMAINS and not control.over:
        taken = _take(relaxation, rest, left)
        if not taken:
            break
        pieces += taken
        left = left - _total(taken, len(left))
        rest = _rest_of(rest, taken)
        if left.any():
            relaxation = relax(costs, rest, left, DIVE_TOLERANCE, control)
    return pieces + place_rest(costs, rest, left, relaxation.duals, control, effort)


def _rounded(
    costs: StageCosts, relaxation: Relaxation, classes: Sequence[CapacityClass], coverage: IntArray
) -> list[Piece]:
    """The whole part of every amount; what is left goes where it pays best, domain by domain."""
    pieces = _take(relaxation, classes, coverage)
    left = coverage - _total(pieces, len(coverage))
    kinds, rows = fill(costs, _rest_of(classes, pieces), left, relaxation.duals)
    return pieces + [Piece(int(kind), row, 1) for kind, row in zip(kinds, rows, strict=True) if row.any()]


def _rest_of(classes: Sequence[CapacityClass], taken: Sequence[Piece]) -> list[CapacityClass]:
    """The domains of each class that no piece has taken."""
    used = Counter[int]()
    for piece in taken:
        used[piece.kind] += piece.count
    return [CapacityClass(k.capacity, k.count - used[kind]) for kind, k in enumerate(classes)]


def _take(relaxation: Relaxation, classes: Sequence[CapacityClass], left: IntArray) -> list[Piece]:
    """Columns to fix next: all whole parts, or one copy of the largest amount that fits."""
    whole = np.floor(relaxation.amounts + WHOLE).astype(int)
    columns = [(c, np.floor(c.widths + WHOLE).astype(np.int32)) for c in relaxation.columns]
    taken = [Piece(c.kind, w, int(n)) for (c, w), n in zip(columns, whole, strict=True) if n and w.any()]
    if taken and _room_left(taken, classes, left):
        return taken
    for index in np.argsort(-relaxation.amounts, kind="stable"):
        column, widths = columns[index]
        one = [Piece(column.kind, widths, 1)]
        if relaxation.amounts[index] < WHOLE:
            break
        if widths.any() and _room_left(one, classes, left):
            return one
    return []


def _room_left(taken: Sequence[Piece], classes: Sequence[CapacityClass], left: IntArray) -> bool:
    """Whether the pieces are there to take and what they leave still fits the other domains."""
    used = [sum(p.count for p in taken if p.kind == kind) for kind in range(len(classes))]
    after = left - _total(taken, len(left))
    free = sum(k.capacity * (k.count - n) for k, n in zip(classes, used, strict=True))
    return bool(
        (after >= 0).all()
        and after.sum() <= free
        and all(n <= k.count for k, n in zip(classes, used, strict=True))
    )
