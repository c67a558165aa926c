"""Bytes of the fullest GPU of every strategy, by the rules of `planner.workload.memory`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.strategy.layers import LayerBytes
from planner.strategy.space import ORDERS
from planner.workload.job import DataParallel, Schedule
from planner.workload.memory import optimizer_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.strategy.columns import Columns
    from planner.strategy.cuts import Part
    from planner.strategy.space import Question

    FloatArray = NDArray[np.float64]


def least_memory(
    question: Question, columns: Columns, parts: Sequence[Part], ways: Sequence[DataParallel]
) -> FloatArray:
    """Bytes of the fullest GPU, shape (ways, strategies)."""
    found = np.zeros((len(ways), len(columns)))
    activations = LayerBytes.of_all(question, columns)
    for part in parts:
        kept = _activation_bytes(columns, part, activations)
        for number, way in enumerate(ways):
            state = _state_bytes(question, columns, part, way)
            found[number, part.rows] = (state + kept).max(axis=0)
    return found


def _state_bytes(question: Question, columns: Columns, part: Part, way: DataParallel) -> FloatArray:
    """Parameters, gradients and optimizer of each sort of stage, shape (sorts, strategies)."""
    element, gradient = question.precision.element_bytes, _gradient_bytes(question, columns, part, way)
    whole, shared = element + gradient, optimizer_bytes(question.precision)
    total = np.zeros((len(part.cut.first), len(part.rows)))
    for held, ranks in zip(part.shards(question.model, columns), part.replicas(columns), strict=True):
        match way:
            case DataParallel.DDP:
                total = total + held * (whole + shared)
            case DataParallel.FSDP:
                total = total + held * (whole + shared) / ranks
            case _:
                total = total + held * (whole + shared / ranks)
    if way is DataParallel.FSDP:
        total = total + whole * _two_largest(question, columns, part)
    return total


def _gradient_bytes(question: Question, columns: Columns, part: Part, way: DataParallel) -> int:
    return question.job(columns.rows[part.rows[0]], ORDERS[0], way).gradient_bytes


def _two_largest(question: Question, columns: Columns, part: Part) -> FloatArray:
    """Parameters of the two largest layers of each sort of stage, shape (sorts, strategies)."""
    model, ep, tp = question.model, columns["ep"][part.rows], columns["tp"][part.rows]
    kinds = model.layer_parameters(0), model.layer_parameters(model.layers - 1)
    dense, moe = ((kind.dense + kind.routed_experts / ep) / tp for kind in kinds)
    larger = moe >= dense
    most = np.minimum(2, np.where(larger, part.cut.layers[1][:, None], part.cut.layers[0][:, None]))
    rest = np.minimum(2 - most, np.where(larger, part.cut.layers[0][:, None], part.cut.layers[1][:, None]))
    largest: FloatArray = most * np.maximum(dense, moe) + rest * np.minimum(dense, moe)
    return largest


def _activation_bytes(columns: Columns, part: Part, activations: LayerBytes) -> FloatArray:
    """Activations of each sort of stage, where it holds the most of them, shape (sorts, strategies)."""
    cut, sort = part.cut, activations.of[part.rows]
    of_microbatch = np.einsum("ks,kn->sn", cut.layers, activations.kept[:, sort])
    there = (cut.layers > 0).astype(np.float64)
    transient = (there[:, :, None] * activations.transient[:, None, sort]).max(axis=0)
    logits = cut.head[:, None] * activations.logits[sort]
    held: FloatArray = of_microbatch * _in_flight(columns, part) + np.maximum(transient, logits)
    return held


def _in_flight(columns: Columns, part: Part) -> FloatArray:
    """Microbatches in flight, as `planner.workload.memory.microbatches_in_flight`: (sorts, strategies)."""
    stage, pp, vp = part.cut.first[:, None].astype(np.float64), part.pp, part.vp
    microbatches = columns.microbatches[part.rows][None, :]
    copies = 1
    match part.schedule:
        case Schedule.GPIPE:
            held = microbatches.astype(np.float64)
        case Schedule.ONE_F_ONE_B:
            held = pp - stage
        case Schedule.INTERLEAVED:
            held = (2 * (pp - stage - 1) + (vp - 1) * pp + 1) / vp if vp > 1 else pp - stage
        case Schedule.ZB_H1 | Schedule.ZB_V:
            held = np.full_like(stage, pp)
        case Schedule.ZB_H2:
            held = np.full_like(stage, 2 * pp)
        case Schedule.DUALPIPE:
            held, copies = np.full_like(stage, pp + 1), 2
    in_flight: FloatArray = np.minimum(held, microbatches) / copies
    return in_flight
