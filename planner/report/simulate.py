"""A simulated step as tables and as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from planner.cost.parts import parts
from planner.report.style import table
from planner.report.values import percent
from planner.units import format_bytes, format_seconds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import RenderableType
    from rich.table import Table

    from planner.cost.simulate import Simulation
    from planner.placement.placement import Placement

    FloatArray = NDArray[np.float64]

MOST_STAGES = 32
AXES = {"tp": "tensor", "cp": "context", "ep": "expert", "pp": "pipeline", "dp": "data"}


def simulation_document(simulation: Simulation) -> dict[str, object]:
    """All of it as plain data; seconds, bytes and TFLOP/s."""
    time = simulation.time
    return {
        "step_s": time.step_s,
        "tflops_per_gpu": simulation.tflops_per_gpu,
        "flop_count": str(simulation.count),
        "mfu": simulation.mfu,
        "tokens_per_s_per_gpu": simulation.tokens_per_s_per_gpu,
        "memory_bytes": simulation.memory_bytes,
        "exposed_s": dict(time.exposed_s),
        "bubble_s": time.bubble_s,
        "optimizer_s": time.optimizer_s,
        "parts_s": dict(parts(simulation.step, time)),
        "gpu": simulation.gpu.name,
        "links": [
            {"family": name, "link": link, "seconds": float(seconds.max())}
            for name, link, seconds in links(simulation)
        ],
        "stages": [
            {
                "stage": stage,
                "busy_s": float(time.stage_s[stage]),
                "memory_bytes": held.total,
                "parameters_bytes": held.parameters,
                "gradients_bytes": held.gradients,
                "optimizer_bytes": held.optimizer,
                "activations_bytes": held.activations,
            }
            for stage, held in enumerate(simulation.memory)
        ],
    }


def links(simulation: Simulation) -> list[tuple[str, str, FloatArray]]:
    """Every family over every link it uses: seconds of a step at the rate that collectives reach, (pp,)."""
    figures = simulation.step.figures
    return [
        (name, link, found.at(link, figures))
        for name, found in simulation.network.items()
        for link, seconds in found.by_link.items()
        if seconds.any()
    ]


def simulation_view(placement: Placement, simulation: Simulation) -> RenderableType:
    """For people: the step, what it is made of, each stage, each family on each link."""
    time, job = simulation.time, simulation.job
    peak = simulation.gpu.flops(job.precision.value) or 0.0
    head = (
        f"{format_seconds(time.step_s)} a step, {simulation.tokens_per_s_per_gpu:,.0f} tokens/s a GPU, "
        f"{simulation.tflops_per_gpu:,.0f} TFLOP/s a GPU ({simulation.count} count): "
        f"{percent(simulation.mfu)} of {peak / 1e12:,.0f}"
    )
    return Group(
        Text(f"{placement.workload.name} on {placement.cluster.name}: one step, simulated", style="bold"),
        head,
        "",
        _parts(simulation),
        "",
        _stages(simulation),
        "",
        _links(simulation),
    )


def _parts(simulation: Simulation) -> Table:
    """What the slowest stage's step is made of."""
    made = table("part of the slowest stage's step", "seconds", "share")
    for name, seconds in parts(simulation.step, simulation.time).items():
        if seconds > 0:
            share = percent(seconds / simulation.time.step_s)
            made.add_row(part_name(name), format_seconds(seconds), share)
    return made


def part_name(part: str) -> str:
    """A part of a step for people."""
    if part in AXES:
        return f"exposed {part} ({AXES[part]})"
    return "outside of the passes" if part == "overhead" else part


def _stages(simulation: Simulation) -> Table:
    """Work and memory of each stage."""
    made = table("stage", "busy", "memory", "parameters", "gradients", "optimizer", "activations")
    for stage, held in enumerate(simulation.memory[:MOST_STAGES]):
        parts = (held.total, held.parameters, held.gradients, held.optimizer, held.activations)
        made.add_row(
            str(stage), format_seconds(float(simulation.time.stage_s[stage])), *map(format_bytes, parts)
        )
    if len(simulation.memory) > MOST_STAGES:
        made.add_row(f"and {len(simulation.memory) - MOST_STAGES} more")
    return made


def _links(simulation: Simulation) -> Table:
    """How long each family uses each link, hidden or not."""
    made = table("family", "link", "seconds of a step, hidden or not", left=2)
    for name, link, seconds in links(simulation):
        made.add_row(name, link, format_seconds(float(seconds.max())))
    return made
