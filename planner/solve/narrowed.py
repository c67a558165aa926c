"""Constructions in a part of the cluster, for jobs that need little of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.solve.bundled import placed_alone
from planner.solve.construct import Constructions
from planner.solve.setup.narrowed import narrowed
from planner.solve.setup.problem import lay_out

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from planner.solve.steps import Told

    IntArray = NDArray[np.int32]

# Of the time.
NARROWED_SHARE = 0.5


def construct_narrowed(
    work: Constructions, told: Told, offer: Callable[[IntArray], float]
) -> Constructions | None:
    """Place a job of several tiers in as few domains of each as it needs; None where it needs most of them.

    Walks move cells between domains, of which a large cluster has far more than the job can use.

    Parameters
    ----------
    work
        In the whole cluster.
    told
        Asked whether nothing is left to gain.
    offer
        Told the GPU of every rank of a placement.
    """
    part = narrowed(work.problem) if work.free else None
    layout = None if part is None else lay_out(part, work.layout.blocks)
    if part is None or layout is None:
        return None
    built = Constructions(part, layout, work.control)
    # A bound in the part is none elsewhere.
    built.was_bounded_together = True
    for gpu_of_rank in built.quick():
        offer(gpu_of_rank)
    placed_alone(built, told, offer, NARROWED_SHARE)
    return built
