"""What training frameworks can do, as far as a step's time depends on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Software:
    """What the training framework can do.

    Parameters
    ----------
    fused_attention
        Attention is one kernel (flash); without, its scores go through memory, masked or not.
    overlaps
        Communication of tensor parallelism runs beside the products whose parts it brings or takes, and
        sends to other stages beside passes.
    beside_weights
        Where it does not, what backward communicates of a layer's inputs still runs beside products for
        their weights' gradients, as in Megatron-LM since 2022 (Korthikanti et al. 2022, section 4.2.2).
    reduces_early
        Gradients are reduced while backward runs, not after it.
    gathers_sent
        Without sequence parallelism, too, each tensor rank sends a share to the next stage, which gathers
        the others' (Narayanan et al. 2021, section 4.1).
    fuses_gradients
        Products for the gradients of weights add to what is there. Where they do not, another kernel
        reads both and writes the sum for every microbatch.
    replays
        Kernels are replayed from graphs or compiled programs, rather than launched one by one.
    norms_once
        Kernels of norms read each value once in forward and once in backward. Apex's first ones, which
        Megatron-LM used until 2022, read it twice in either, once for the moments and once for the result,
        and the gradients of scale and shift are another kernel's (`--no-persist-layer-norm`).
    """

    fused_attention: bool = True
    overlaps: bool = True
    beside_weights: bool = False
    reduces_early: bool = True
    gathers_sent: bool = False
    fuses_gradients: bool = True
    replays: bool = True
    norms_once: bool = True


MODERN = Software()
