"""GPU models: shipped presets, or figures given in the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from planner.errors import InputError, did_you_mean
from planner.library import folder, shipped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.topology.schema import GpuFigures

# Formats that run at the rate of another.
RATE_OF = {"fp16": "bf16", "mxfp8": "fp8", "nvfp4": "fp4"}


@dataclass(frozen=True)
class Gpu:
    """Figures of one GPU model; None where they are not known.

    Parameters
    ----------
    tflops
        Dense TFLOP/s by precision: ``fp32``, ``bf16``, ``fp8``, ``fp4``.
    memory_bytes, memory_bytes_per_s
        Size and bandwidth of its memory.
    scale_up_bytes_per_s
        Into its scale-up domain, per direction.
    nic_bytes_per_s
        The NIC that usually goes with one GPU, per direction.
    """

    name: str
    tflops: Mapping[str, float] = field(hash=False)
    memory_bytes: float | None = None
    memory_bytes_per_s: float | None = None
    scale_up_bytes_per_s: float | None = None
    nic_bytes_per_s: float | None = None

    def flops(self, precision: str) -> float | None:
        """Dense FLOP/s at `precision`; ``mxfp8`` counts as fp8, ``nvfp4`` as fp4, ``fp16`` as bf16."""
        tflops = self.tflops.get(precision, self.tflops.get(RATE_OF.get(precision, precision)))
        return None if tflops is None else tflops * 1e12


UNSPECIFIED = Gpu("unspecified", {})


def preset(name: str) -> Gpu:
    """The shipped GPU model called `name`.

    Raises
    ------
    InputError
        V012 where there is none.
    """
    if name not in shipped("gpu"):
        raise InputError.of(
            "V012",
            f"unknown GPU {name!r}",
            expected=f"one of {', '.join(shipped('gpu'))}, or a mapping of figures",
            suggestion=did_you_mean(name, shipped("gpu")),
        )
    # Whoever reads a placement needs the figures' type and none of what reads authored files.
    from planner.source import read_document, validate
    from planner.topology.schema import GpuFigures

    return from_figures(validate(read_document(folder("gpu") / f"{name}.yaml", "gpu"), GpuFigures))


def from_figures(figures: GpuFigures) -> Gpu:
    """A GPU model of an authored mapping."""
    return Gpu(
        name=figures.name,
        tflops={str(key): value for key, value in figures.tflops.items()},
        memory_bytes=figures.memory,
        memory_bytes_per_s=figures.memory_bandwidth,
        scale_up_bytes_per_s=figures.scale_up,
        nic_bytes_per_s=figures.nic,
    )
