"""Place the last cells: a greedy fill, and a small integer programme in the widths themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.solve.columns.master import CapacityClass
    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.setup.control import Control

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]

SECONDS = 0.3
MOST_WIDTHS = 1500
SCALE_LIMIT = 2**50
AHEAD_STEPS = 10_000


@dataclass(frozen=True, eq=False)
class Piece:
    """`count` domains of class `kind` that take the same width vector, shape (P,)."""

    kind: int
    widths: IntArray
    count: int


def pieces_bytes(costs: StageCosts, pieces: Sequence[Piece]) -> float:
    """Sum of f over all pieces."""
    each = costs.domain_bytes(np.stack([piece.widths for piece in pieces]))
    return float(each @ np.asarray([piece.count for piece in pieces]))


def place_rest(
    costs: StageCosts,
    classes: Sequence[CapacityClass],
    left: IntArray,
    duals: FloatArray,
    control: Control,
    effort: float,
) -> list[Piece]:
    """Place `left` cells of each stage (shape (P,)) into domains that can hold them together.

    The greedy answer stands where the integer programme is too large or finds nothing better.
    """
    if not left.any():
        return []
    kinds, widths = fill(costs, classes, left, duals)
    used = widths.any(axis=1)
    kinds, widths = kinds[used], widths[used]
    if widths.size <= MOST_WIDTHS and not control.over:
        widths = share_out(
            costs, [classes[int(k)].capacity for k in kinds], widths, control, SECONDS * effort
        )
    return [Piece(int(kind), row, 1) for kind, row in zip(kinds, widths, strict=True)]


def fill_in_line(
    costs: StageCosts, classes: Sequence[CapacityClass], left: IntArray, *, hurried: bool = False
) -> list[Piece]:
    """Line the cells up and cut the line by the domains' rooms, for the best of several lines.

    A line takes the stages in runs of `group`, and within a run one cell of each stage in turn; of these
    only the shortest and the longest where hurried.
    """
    kinds = np.repeat(np.arange(len(classes)), [k.count for k in classes])
    rooms = np.asarray([classes[int(kind)].capacity for kind in kinds])
    ends = np.minimum(np.cumsum(rooms), int(left.sum()))
    stage = np.repeat(np.arange(costs.stages), left)
    share = np.concatenate([(np.arange(cells) + 0.5) / cells for cells in left if cells])
    best, least = np.zeros((len(kinds), costs.stages), np.int32), np.inf
    domain = np.repeat(np.arange(len(kinds)), np.diff(ends, prepend=0))
    for group in {1, costs.stages} if hurried else range(1, costs.stages + 1):
        line = stage[np.lexsort((stage, share, stage // group))]
        counts = np.bincount(domain * costs.stages + line, minlength=best.size)
        widths = counts.reshape(best.shape).astype(np.int32)
        if (cost := float(costs.domain_bytes(widths).sum())) < least:
            best, least = widths, cost
    return [Piece(int(kind), row, 1) for kind, row in zip(kinds, best, strict=True) if row.any()]


def fill(
    costs: StageCosts, classes: Sequence[CapacityClass], left: IntArray, duals: FloatArray
) -> tuple[IntArray, IntArray]:
    """Fill the domains one after the other, largest first, each by the box that pays best.

    Returns the class of every domain, shape (domains,), and its widths, shape (domains, P).
    """
    order = sorted(range(len(classes)), key=lambda kind: -classes[kind].capacity)
    kinds = np.repeat(order, [classes[kind].count for kind in order]).astype(np.int32)
    rooms = np.asarray([classes[int(kind)].capacity for kind in kinds])
    widths = np.zeros((len(kinds), costs.stages), np.int32)
    after = np.concatenate((np.cumsum(rooms[::-1])[::-1][1:], [0]))
    left, domain = left.copy(), 0
    boxes = _boxes_of(costs.stages)
    while domain < len(rooms) and left.any():
        room = int(rooms[domain])
        need = max(0, int(left.sum() - after[domain]))
        if need > room:
            raise RuntimeError(f"{need - room} cells do not fit domains that should hold them")
        box = _best_box(costs, boxes, left, room, need, duals)
        # The same box pays best again, until a stage runs out or the other domains get too full.
        copies = min(int((left[box > 0] // box[box > 0]).min()), int((rooms[domain:] == room).sum()))
        if unused := room - int(box.sum()):
            copies = min(copies, (int(box.sum()) - need) // unused + 1)
        widths[domain : domain + copies] = box
        left -= copies * box
        domain += copies
    return kinds, widths


def _boxes_of(stages: int) -> NDArray[np.bool_]:
    """Every run of consecutive stages, the shortest first, shape (runs, P)."""
    stage = np.arange(stages)
    runs = [(first, end) for length in stage + 1 for first, end in enumerate(range(length, stages + 1))]
    first, end = np.asarray(runs).T[:, :, None]
    inside: NDArray[np.bool_] = (first <= stage) & (stage < end)
    return inside


def _best_box(
    costs: StageCosts, boxes: NDArray[np.bool_], left: IntArray, room: int, need: int, duals: FloatArray
) -> IntArray:
    """The box of consecutive stages that pays best by the duals, topped up to `need` cells."""
    width = np.maximum(1, room // boxes.sum(axis=1))
    table = np.where(boxes, np.minimum(width[:, None], left), 0).astype(np.int32)
    held = table.sum(axis=1)
    table = table[(held > 0) & (held <= room)]
    worth = costs.domain_bytes(table) - table @ duals
    best: IntArray = table[int(np.argmin(worth))]
    return _top_up(best, left, max(need, min(room, int(left.sum()), int(best.sum()))))


def _top_up(box: IntArray, left: IntArray, cells: int) -> IntArray:
    """Add cells of the stages nearest to the box until it holds `cells`."""
    box = box.copy()
    centre = float(np.average(np.arange(len(box)), weights=box))
    for stage in np.argsort(np.abs(np.arange(len(box)) - centre), kind="stable"):
        missing = cells - int(box.sum())
        if missing <= 0:
            break
        box[stage] += min(missing, int(left[stage] - box[stage]))
    return box


def share_out(
    costs: StageCosts, rooms: Sequence[int], start: IntArray, control: Control, limit_s: float
) -> IntArray:
    """Share the cells of these domains out again at the least summed f, from `start` on.

    Returns width vectors like `start`, shape (domains, P), that cost no more than it.
    """
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    domains, stages = start.shape
    left = start.sum(axis=0)
    width = [
        [model.new_int_var(0, int(min(room, left[stage])), "") for stage in range(stages)] for room in rooms
    ]
    for row, room in zip(width, rooms, strict=True):
        model.add(sum(row) <= int(room))
    for stage in range(stages):
        model.add(sum(row[stage] for row in width) == int(left[stage]))
    for row, begin in zip(width, start, strict=True):
        for variable, value in zip(row, begin, strict=True):
            model.add_hint(variable, int(value))
    terms = [term for row in width for term in domain_terms(model, costs, row, left)]
    largest = int(left.max()) + 1 if costs.ahead is None else max(int(left.max()) + 1, AHEAD_STEPS)
    weights = whole_numbers(np.asarray([w for w, _ in terms]), domains * largest)
    model.minimize(sum(int(w) * x for w, (_, x) in zip(weights, terms, strict=True) if w))
    found = control.search(model, limit_s, relative_gap=1e-6)
    if not found.found:
        return start
    better = np.asarray([[found.solver.value(x) for x in row] for row in width], np.int32)
    return better if costs.domain_bytes(better).sum() < costs.domain_bytes(start).sum() else start


def domain_terms(
    model: Any, costs: StageCosts, row: Sequence[Any], left: IntArray
) -> list[tuple[float, Any]]:
    """The terms of f for one domain: (weight, variable or expression)."""
    terms: list[tuple[float, Any]] = []
    widest = int(left.max())
    for stage, width in enumerate(row):
        touched = model.new_bool_var("")
        model.add(width <= widest * touched)
        for form, cells, coefficient in costs.terms:
            if form == "touched" and cells >= costs.replicas:
                terms.append((float(coefficient[stage]), touched))
            else:
                terms.append(_table_term(model, form, cells, float(coefficient[stage]), width, widest))
        if costs.ahead is not None:
            terms.append(_ahead_term(model, costs.ahead[stage, : widest + 1], width))
    pairs = [(stage, stage + 1, float(costs.v[stage])) for stage in range(len(row) - 1)]
    pairs += [(stage, len(row) - 1 - stage, float(kept)) for stage, kept in enumerate(costs.rungs) if kept]
    if costs.v_wrap:
        pairs.append((0, len(row) - 1, costs.v_wrap))
    for one, other, kept in pairs:
        shared = model.new_int_var(0, widest, "")
        model.add(shared <= row[one])
        model.add(shared <= row[other])
        terms.append((-kept, shared))
    return terms


def _table_term(
    model: Any, form: str, cells: int, coefficient: float, width: Any, widest: int
) -> tuple[float, Any]:
    """A term that depends on one width through a table."""
    rest = np.arange(widest + 1) % cells
    if form == "touched":
        table = -(-np.arange(widest + 1) // cells)
    else:
        table = (rest > 0).astype(np.int64) if form == "partial" else rest * (cells - rest)
    value = model.new_int_var(0, int(table.max()), "")
    model.add_element(width, [int(entry) for entry in table], value)
    return coefficient, value


def _ahead_term(model: Any, ahead: FloatArray, width: Any) -> tuple[float, Any]:
    """What a width costs further in, in steps of a small share of the most that it can cost."""
    step = float(np.abs(ahead).max()) / AHEAD_STEPS or 1.0
    table = [round(entry / step) for entry in ahead.tolist()]
    value = model.new_int_var(min(table), max(table), "")
    model.add_element(width, table, value)
    return step, value


def whole_numbers(values: FloatArray, most: int) -> NDArray[np.int64]:
    """Scale weights to integers so that `most` times the largest stays far from overflow."""
    peak = float(np.abs(values).max(initial=0.0))
    if peak == 0:
        return np.zeros(len(values), np.int64)
    if np.all(values == np.rint(values)) and peak * most < SCALE_LIMIT:
        return values.astype(np.int64)
    return np.rint(values * (SCALE_LIMIT / (peak * most))).astype(np.int64)
