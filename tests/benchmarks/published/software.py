"""What training frameworks could do when a source was written, and what its scripts set."""

from __future__ import annotations

import re
from typing import NamedTuple

from planner.cost.compute import Software

# Sources up to this year are older than fused attention and than the overlap of communication.
BEFORE_FLASH = 2022
# Since this year Megatron-LM communicates in backward beside products for the gradients of weights, and
# these add to what is there (--no-async-tensor-model-parallel-allreduce and
# --no-gradient-accumulation-fusion turn it off).
BESIDE_WEIGHTS = 2022
# Later sources that are older than CUDA graphs in their frameworks.
LAUNCHED = ("Megatron-Core 0.", "Llama 3 paper")


class Script(NamedTuple):
    """What a published script sets: the microbatch and virtual stages."""

    micro_batch: int
    virtual: int


# Megatron-LM, examples/sc21/run_table_1.sh: what table 1 of Narayanan et al. 2021 leaves unsaid.
SC21 = {
    "gpt-1.7b": Script(16, 1),
    "gpt-3.6b": Script(16, 1),
    "gpt-7.5b": Script(16, 1),
    "gpt-18b": Script(8, 1),
    "gpt-39b": Script(4, 1),
    "gpt-76b": Script(2, 3),
    "gpt-145b": Script(2, 2),
    "gpt-310b": Script(1, 2),
    "gpt-530b": Script(1, 3),
    "gpt-1t": Script(1, 1),
}


def script_of(source: str, model: str) -> Script | None:
    """What the source's script for a model sets, where it published one."""
    return SC21.get(model) if "SC21" in source else None


def software_of(source: str, *, pipelined: bool) -> Software:
    """What the framework could do when the source was written."""
    year = min(map(int, re.findall(r"\b20[12]\d\b", source)), default=BEFORE_FLASH + 1)
    if year > BEFORE_FLASH:
        return Software(replays=not any(name in source for name in LAUNCHED))
    return Software(
        fused_attention=False,
        overlaps=False,
        beside_weights=year >= BESIDE_WEIGHTS,
        # Until then it left the gradients to PyTorch where there is no pipeline (DDP=torch in the scripts),
        # which reduces them early and adds nothing where a step has few microbatches.
        reduces_early=not pipelined,
        gathers_sent=True,
        fuses_gradients=year >= BESIDE_WEIGHTS or not pipelined,
        replays=False,
    )
