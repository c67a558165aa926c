"""A training job: a model, how it is split, and how a step is run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.workload.mesh import Mesh
    from planner.workload.model import Model


class Precision(StrEnum):
    """Number format of the matrix products; weights and activations rest as `element_bytes` says."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    FP8 = "fp8"
    MXFP8 = "mxfp8"
    NVFP4 = "nvfp4"

    @property
    def element_bytes(self) -> int:
        """Bytes of a weight or activation: the narrow formats compute on copies of BF16 tensors."""
        return 4 if self is Precision.FP32 else 2

    @property
    def saved_input_bytes(self) -> int:
        """Bytes an element of a linear layer's input takes while it waits for backward.

        The narrow formats keep the quantized copy (DeepSeek-V3, section 3.3.3; Transformer Engine).
        """
        return 1 if self.is_narrow else self.element_bytes

    @property
    def is_narrow(self) -> bool:
        """Whether products are taken in 8 bits or fewer."""
        return self in (Precision.FP8, Precision.MXFP8, Precision.NVFP4)


class DataParallel(StrEnum):
    """What data-parallel ranks hold of parameters, gradients and optimizer."""

    DDP = "ddp"
    DISTRIBUTED_OPTIMIZER = "distributed_optimizer"
    FSDP = "fsdp"
    FSDP_NO_RESHARD = "fsdp_no_reshard"


class Recompute(StrEnum):
    """What of forward is computed again in backward."""

    NONE = "none"
    SELECTIVE = "selective"
    FULL = "full"


class Schedule(StrEnum):
    """Pipeline schedules."""

    GPIPE = "gpipe"
    ONE_F_ONE_B = "1f1b"
    INTERLEAVED = "interleaved"
    ZB_H1 = "zb-h1"
    ZB_H2 = "zb-h2"
    ZB_V = "zb-v"
    DUALPIPE = "dualpipe"


@dataclass(frozen=True)
class Job:
    """What one step of training computes, on every rank.

    Parameters
    ----------
    model, mesh
        What is trained, and the degrees of parallelism.
    global_batch, micro_batch, sequence
        Samples a step, samples a microbatch, tokens a sample.
    precision
        Format of the matrix products.
    gradient_bytes
        Bytes of a gradient element, kept and communicated.
    dispatch_bytes
        Bytes of an element on its way to the experts.
    data_parallel, recompute, schedule
        Modes.
    sequence_parallel
        Activations between the tensor-parallel regions are split along the sequence.
    cut
        Layers of each chunk along the pipeline, where they are not cut evenly.
    """

    model: Model
    mesh: Mesh
    global_batch: int
    micro_batch: int
    sequence: int
    precision: Precision
    gradient_bytes: int
    dispatch_bytes: int
    data_parallel: DataParallel
    recompute: Recompute
    schedule: Schedule
    sequence_parallel: bool
    cut: tuple[int, ...] | None = None

    @property
    def num_microbatches(self) -> int:
        """Microbatches a replica runs in one step."""
        return self.global_batch // (self.micro_batch * self.mesh.dp)

    @property
    def model_copies(self) -> int:
        """Stages that hold the same layer: two in DualPipe, one otherwise."""
        return 2 if self.schedule is Schedule.DUALPIPE else 1

    @property
    def microbatches_per_layer(self) -> float:
        """Microbatches that pass one held copy of a layer in a step."""
        return self.num_microbatches / self.model_copies

    @property
    def tokens(self) -> float:
        """Tokens of one microbatch that a context-parallel rank works on."""
        return self.micro_batch * self.sequence / self.mesh.cp

    @property
    def split_tokens(self) -> float:
        """Those of `tokens` that a rank holds outside the tensor-parallel regions."""
        return self.tokens / self.mesh.tp if self.sequence_parallel else self.tokens
