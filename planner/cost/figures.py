"""Constants of the cost model: efficiencies of GPUs, memory and links, from one data file.

The file says of each where it comes from. Those that were fitted to published runs are written by
``python -m tests.benchmarks.published --fit``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from planner.source import Authored, parse_document, validate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.topology.presets import Gpu
    from planner.workload.job import Precision

FILE = Path(__file__).with_name("figures.yaml")
GENERIC = "generic"
Share = Annotated[float, Field(gt=0, le=1.5)]
Seconds = Annotated[float, Field(ge=0)]


class SharedFigures(Authored):
    """Constants that all GPUs share."""

    formats: dict[str, Share]
    """Efficiency of products in narrow formats, over that in 16 bits, each of its own peak."""
    attention_efficiency: Share
    """Share of the peak in 16 bits that fused attention reaches, forward and backward together."""
    ring_slowdown: Annotated[float, Field(ge=0)]
    """Part by which attention to keys that arrive from a ring takes longer, where ranks have many tokens."""
    ring_few_tokens: Annotated[float, Field(ge=0)]
    """Tokens of a sequence on a rank at which that part is twice as large."""
    ring_part_bytes: Annotated[float, Field(ge=0)]
    """Bytes moved to weigh and add what each of them gives, for each value of the queries."""
    memory_efficiency: Share
    """Share of the memory's bandwidth that element-wise work reaches."""
    memory_passes: Annotated[float, Field(ge=1)]
    """How often element-wise work moves what it must move at least once."""
    narrow_outputs: float
    """Outputs of a product at which it takes twice as long an operation as a large one."""
    shallow_inputs: float
    """Inputs at which it does, on a GPU of 989 TFLOP/s; in proportion to the peak on others."""
    scale_up_efficiency: Share
    """Share of NVLink's rate that collectives reach."""
    scale_out_efficiency: Share
    """Share of the NICs' rate that collectives reach."""
    scale_up_latency_s: Seconds
    """Start of a collective."""
    scale_out_latency_s: Seconds
    """Each step of a collective between domains."""
    tensor_overlap: Share
    """Seconds of tensor-parallel communication that a second of the product beside it hides."""
    expert_overlap: Share
    """Part of expert-parallel communication that does."""
    computing_processors: Share
    """Share of processors that compute while the others send tokens to experts and back."""
    layer_overhead_s: Seconds
    """Time of each pass over a layer that is no arithmetic: gaps between kernels."""
    launched_layer_overhead_s: Seconds
    """The same where kernels are launched one by one."""
    step_overhead_s: Seconds
    """Time of a step outside of the passes: gradient norm, data, the optimizer's starts."""


class Generation(Authored):
    """GPU models that share an efficiency."""

    gpus: list[str]
    """Their presets."""
    efficiency: Share
    """Share of the peak in 16 bits that large products reach in a training step."""


class FiguresFile(Authored):
    """The data file."""

    shared: SharedFigures
    """Constants that all GPUs share."""
    generations: dict[str, Generation]
    """Those of each generation, and `generic` for GPUs of none."""


@dataclass(frozen=True)
class Figures:
    """Constants for one GPU model: those that all share, and its generation's efficiency."""

    shared: SharedFigures = field(hash=False)
    efficiency: float

    def of_products(self, precision: Precision) -> float:
        """Share of the peak in `precision` that large products reach."""
        return self.efficiency * self.shared.formats.get(precision.value, 1.0)


def read_figures(text: str, name: str = FILE.name) -> FiguresFile:
    """The constants in a text of the data file's form."""
    return validate(parse_document(text, name), FiguresFile)


@cache
def shipped_figures() -> FiguresFile:
    """The constants that ship with the planner."""
    return read_figures(FILE.read_text())


def figures_of(gpu: Gpu, constants: FiguresFile | None = None) -> Figures:
    """Constants for a GPU model; for one of no known generation those of a generic one."""
    file = constants or shipped_figures()
    own: Mapping[str, Generation] = file.generations
    generation = next((each for each in own.values() if gpu.name in each.gpus), own[GENERIC])
    return Figures(file.shared, generation.efficiency)
