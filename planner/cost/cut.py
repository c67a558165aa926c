"""How layers are cut into the chunks of a pipeline so that its slowest stage is as fast as can be.

Of all cuts whose stages fit in memory the one is taken

1. whose slowest stage takes the least time for one microbatch, all its chunks and passes together,
2. of those, whose slowest chunk takes the least,
3. of those, whose round trips cost least, where schedules limit what is under way,
4. of those, that moves the fewest layers from the even cut.

Where every stage holds one chunk, a dynamic programme finds it (`planner.cost.cut_straight`). Chunks that
share a stage bind parts of the model that do not follow one another; then CP-SAT looks for it and says
whether it has proven that there is no better one (`planner.cost.cut_wound`).

Stage p of pp stages has ``pp - p`` microbatches under way in 1F1B and ZB-H1: a forward waits for the
backward of the microbatch that came so many before it, which has been to the last stage and back. So a
microbatch costs at least each of these round trips by those that are under way. What is sent between stages
counts in them, most near the end, where the fewest are under way: light stages belong there.

A chunk has at least one layer, but the first, which also has the embedding, and the last, which has the
head, may have none: a stage with nothing to do would only pass on what it is sent.
"""

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


def cut_layers(loads: Loads) -> Cut:
    """The best cut.

    There is none either where what is pinned leaves too few layers for the other chunks.
    """
    if sum(loads.span(chunk)[0] for chunk in range(loads.chunks)) > loads.layers:
        return Cut(None)
    if max(map(len, loads.held)) == 1:
        from planner.cost.cut_straight import cut_straight

        return Cut(cut_straight(loads))
    from planner.cost.cut_wound import cut_wound

    return cut_wound(loads)
