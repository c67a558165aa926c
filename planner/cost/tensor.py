"""What of tensor parallelism's communication no product hides.

With sequence parallelism a block, attention or FFN, gathers its tokens for the products that enter it and
scatters the sums of those that leave it. Backward gathers the gradients of sums, gathers the tokens once
more for the gradients of weights, and scatters the gradients of tokens. Without, all-reduces take the
place of the scatters.

Frameworks that overlap hide a call behind the product that it serves (Transformer Engine,
``tp_comm_overlap``): what a product needs or gives is cut into a part for each rank, and while it works
on one part the next travels; the first or last has nothing beside it. What backward gathers once more, and
scatters, is for no product that runs then: it travels beside a whole one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.cost.compute import Compute

    FloatArray = NDArray[np.float64]


def exposed_calls(
    compute: Compute, name: str, seconds: FloatArray, *, moe: bool
) -> tuple[FloatArray, FloatArray]:
    """Seconds of one layer and microbatch that nothing hides, of forward and of backward, each (pp,).

    Parameters
    ----------
    name
        A family of tensor parallelism, see `planner.workload.payloads.tensor`.
    seconds
        One call of attention and one of the FFN together, shape (pp,).
    moe
        Whether the layer has experts.
    """
    forward, backward = np.zeros(seconds.shape), np.zeros(seconds.shape)
    for block in compute.blocks(moe=moe):
        call = block.share * seconds
        if name == "tp_all_gather":
            forward += _in_parts(compute, call, block.entering.forward)
            backward += _in_parts(compute, call, block.leaving.by_input)
            backward += _at_once(compute, call, block.entering.by_input)
        else:
            forward += _in_parts(compute, call, block.leaving.forward)
            backward += _at_once(compute, call, block.entering.by_weight)
    return forward, backward


def _in_parts(compute: Compute, call: FloatArray, product_s: float) -> FloatArray:
    """A call for a product that takes or gives it part by part."""
    if not compute.software.overlaps:
        return call
    return np.maximum(call / compute.job.mesh.tp, call - _beside(compute, product_s))


def _at_once(compute: Compute, call: FloatArray, product_s: float) -> FloatArray:
    """A call beside a product that neither needs nor gives it.

    Without further overlap this is the product for the gradients of weights, and long enough.
    """
    if not compute.software.overlaps:
        return np.zeros(call.shape) if compute.software.beside_weights else call
    return np.maximum(0.0, call - _beside(compute, product_s))


def _beside(compute: Compute, product_s: float) -> float:
    """Seconds of communication that a product hides."""
    return compute.figures.shared.tensor_overlap * product_s
