"""A simulated step in the trace event format, which Perfetto opens: a track a stage and link class."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.schedules import Pass
from planner.report.simulate import links

if TYPE_CHECKING:
    from planner.cost.simulate import Simulation

MICROSECONDS = 1e6
STAGES, LINKS = 1, 2


def trace_events(simulation: Simulation) -> bytes:
    """The trace as JSON; times in microseconds, as the format has them."""
    events: list[dict[str, object]] = [*_names(simulation), *_passes(simulation), *_tails(simulation)]
    events += _link_events(simulation)
    return json.dumps({"displayTimeUnit": "ms", "traceEvents": events}).encode()


def _names(simulation: Simulation) -> list[dict[str, object]]:
    """Names of processes and tracks."""
    named = [_name("process_name", STAGES, 0, "stages"), _name("process_name", LINKS, 0, "links")]
    named += [_name("thread_name", STAGES, s, f"stage {s}") for s in range(simulation.job.mesh.pp)]
    return named + [
        _name("thread_name", LINKS, track, f"{name} over {link}")
        for track, (name, link, _) in enumerate(links(simulation))
    ]


def _name(kind: str, process: int, track: int, name: str) -> dict[str, object]:
    return {"name": kind, "ph": "M", "pid": process, "tid": track, "args": {"name": name}}


def _event(process: int, track: int, name: str, start: float, length: float) -> dict[str, object]:
    return {
        "name": name,
        "ph": "X",
        "pid": process,
        "tid": track,
        "ts": start * MICROSECONDS,
        "dur": length * MICROSECONDS,
    }


def _passes(simulation: Simulation) -> list[dict[str, object]]:
    """Every pass of every stage."""
    line = simulation.time.timeline
    rows = zip(
        line.stage.tolist(),
        line.kind.tolist(),
        line.chunk.tolist(),
        line.microbatch.tolist(),
        line.start.tolist(),
        (line.end - line.start).tolist(),
        strict=True,
    )
    return [
        _event(STAGES, stage, f"{Pass(kind).name.lower()} {chunk}.{index}", start, length)
        for stage, kind, chunk, index, start, length in rows
    ]


def _tails(simulation: Simulation) -> list[dict[str, object]]:
    """Data parallelism that is not hidden and the optimizer, after each stage's last pass."""
    pp = simulation.job.mesh.pp
    ends = simulation.time.timeline.last_end_s(pp)
    data, optimizer = simulation.step.exposed_data_s, simulation.step.optimizer_s
    events = []
    for stage in range(pp):
        events.append(_event(STAGES, stage, "data parallel, exposed", ends[stage], float(data[stage])))
        start = float(ends[stage] + data[stage])
        events.append(_event(STAGES, stage, "optimizer", start, float(optimizer[stage])))
    return events


def _link_events(simulation: Simulation) -> list[dict[str, object]]:
    """Each family on each link: how long it is in use in a step, laid out evenly over the microbatches.

    Data-parallel families run once, at the end; all others share the time of the passes.
    """
    total, count = simulation.time.pipeline_s, simulation.job.num_microbatches
    events = []
    for track, (name, link, seconds) in enumerate(links(simulation)):
        length = float(np.max(seconds))
        if name.partition("_")[0] in ("dp", "expert", "embedding", "mirror"):
            events.append(_event(LINKS, track, f"{name} {link}", max(0.0, total - length), length))
            continue
        starts = np.arange(count) * total / count
        events += [_event(LINKS, track, f"{name} {link}", float(start), length / count) for start in starts]
    return events
