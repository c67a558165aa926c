"""What layers take on the stages of a pipeline, and a cut of them into chunks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from planner.workload.stages import even

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

CLOSE = 1e-9
"""Times and amounts of memory that differ by less, relatively, count as equal."""


@dataclass(frozen=True, eq=False)
class Loads:
    """What the layers of a model take on the stages of a pipeline.

    Parameters
    ----------
    held
        Chunks of each stage, by their numbers along the pipeline.
    before
        Layers of each kind among the first n layers, shape (layers + 1, kinds).
    layer_s
        Seconds of one layer of a kind on a stage, all passes of one microbatch, shape (stages, kinds).
    extra_s
        Seconds of a chunk beside its layers, embedding and head, shape (chunks,).
    memory_bytes
        Bytes that a stage needs with so many layers of each kind; more layers never need less.
    limit_bytes
        Most bytes that a stage may need.
    sent_s
        Seconds from one stage to the next, where round trips count; None where they do not.
    pinned
        Layers of chunks that are given, by the chunk's number.
    """

    held: tuple[tuple[int, ...], ...]
    before: IntArray
    layer_s: FloatArray
    extra_s: FloatArray
    memory_bytes: Callable[[int, tuple[int, ...]], float]
    limit_bytes: float = float("inf")
    sent_s: float | None = None
    pinned: Mapping[int, int] = field(default_factory=dict)

    @property
    def layers(self) -> int:
        """Layers of the model."""
        return len(self.before) - 1

    @property
    def chunks(self) -> int:
        """Chunks along the pipeline."""
        return len(self.extra_s)

    @property
    def even(self) -> tuple[int, ...]:
        """Sizes of the chunks where all are as equal as can be."""
        return even(self.layers, self.chunks)

    def span(self, chunk: int) -> tuple[int, int]:
        """Fewest and most layers of a chunk."""
        if chunk in self.pinned:
            return self.pinned[chunk], self.pinned[chunk]
        outer = chunk in (0, self.chunks - 1)
        return (0 if outer else 1), self.layers

    def counts(self, sizes: tuple[int, ...]) -> IntArray:
        """Layers of each kind in each chunk of a cut, shape (chunks, kinds)."""
        counts: IntArray = np.diff(self.before[np.cumsum([0, *sizes])], axis=0)
        return counts

    def chunk_s(self, sizes: tuple[int, ...]) -> FloatArray:
        """Seconds of the chunks of each stage, shape (stages, chunks of a stage)."""
        held = np.array(self.held)
        seconds: FloatArray = np.einsum("pck,pk->pc", self.counts(sizes)[held], self.layer_s)
        seconds += self.extra_s[held]
        return seconds

    def stage_bytes(self, sizes: tuple[int, ...]) -> FloatArray:
        """Memory of each stage, shape (stages,)."""
        counts = self.counts(sizes)[np.array(self.held)].sum(axis=1)
        return np.array([self.memory_bytes(s, tuple(each.tolist())) for s, each in enumerate(counts)])


@dataclass(frozen=True)
class Cut:
    """The best cut that was found.

    Parameters
    ----------
    sizes
        Layers of each chunk along the pipeline; None where no cut that fits in memory was found.
    proven
        Whether no cut that fits has a faster slowest stage, or none fits where none was found.
    """

    sizes: tuple[int, ...] | None
    proven: bool = True
