"""Constants of the cost model: efficiencies of GPUs, memory and links, from one data file.

The file says of each where it comes from; those that were fitted to published runs are written by
``python -m tests.benchmarks.published --fit``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from planner.source import parse_document
from planner.workload.job import Precision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.topology.presets import Gpu

FILE = Path(__file__).with_name("figures.yaml")
GENERIC = "generic"


@dataclass(frozen=True)
class Figures:
    """Constants of one GPU generation and of what all share.

    Parameters
    ----------
    product_efficiency
        Share of the peak that large matrix products reach in a training step, by precision.
    attention_efficiency
        The same for fused attention, of the peak in 16 bits.
    memory_efficiency
        Share of the memory's bandwidth that element-wise work reaches.
    narrow_outputs, shallow_inputs
        Outputs and inputs of a projection at which a product takes twice as long an operation as a
        large one; `shallow_inputs` for a GPU of 989 TFLOP/s, in proportion to others' peaks.
    scale_up_efficiency, scale_out_efficiency
        Share of the line rate that collectives reach.
    scale_up_latency_s, scale_out_latency_s
        Start of a collective, and of each step between domains.
    tensor_overlap, expert_overlap
        Share of such communication that hides behind products.
    layer_overhead_s
        Time of a layer's pass that is no arithmetic: starts of kernels, gaps between them.
    step_overhead_s
        Time of a step outside of the pipeline: gradient norm, data loading, the optimizer's starts.
    """

    product_efficiency: Mapping[str, float] = field(hash=False)
    attention_efficiency: float
    memory_efficiency: float
    narrow_outputs: float
    shallow_inputs: float
    scale_up_efficiency: float
    scale_out_efficiency: float
    scale_up_latency_s: float
    scale_out_latency_s: float
    tensor_overlap: float
    expert_overlap: float
    layer_overhead_s: float
    step_overhead_s: float

    def of_products(self, precision: Precision) -> float:
        """Efficiency of large matrix products in `precision`."""
        return self.product_efficiency[precision.value]


@cache
def document() -> dict[str, dict[str, object]]:
    """The data file as plain data."""
    content: dict[str, dict[str, object]] = parse_document(FILE.read_text(), FILE.name).data
    return content


def figures_of(gpu: Gpu) -> Figures:
    """Constants for a GPU model: those of its generation, or of a generic one where it is none of ours."""
    read = document()
    generations = read["generations"]
    own = next(
        (each for each in generations.values() if gpu.name in each["gpus"]),  # type: ignore[index]
        generations[GENERIC],
    )
    return Figures(**{**read["shared"], **{k: v for k, v in own.items() if k != "gpus"}})  # type: ignore[dict-item, attr-defined]
