"""What training frameworks could do when a source was written, and what its scripts set."""

from __future__ import annotations

import re
from typing import NamedTuple

from planner.cost.software import Software

# Sources up to this year are older than fused attention and than the overlap of communication.
BEFORE_FLASH = 2022
# Since this year Megatron-LM communicates in backward beside products for the gradients of weights, and
# these add to what is there (--no-async-tensor-model-parallel-allreduce and
# --no-gradient-accumulation-fusion turn it off).
BESIDE_WEIGHTS = 2022
# Sources that are known by a name rather than a year.
YEARS = {"bloom": 2022, "opt": 2022, "gpt-neox": 2022, "mt-nlg": 2022, "megatron-turing": 2022, "palm": 2022}
# Forks of Megatron-LM from before 2022 that the projects above went on with.
FORKS = ("megatron-deepspeed", "deepspeed")
# Frameworks whose kernels Python launches one by one.
LAUNCHING = ("pytorch", "torch", "fsdp", "metaseq", "huggingface", "transformers")
# Later sources that are older than CUDA graphs in their frameworks, by name, and by year those of up to this
# one; but for what is compiled, and for MLPerf's submissions, which had them from 2022 on.
LAUNCHED, BEFORE_GRAPHS = ("Megatron-Core 0.", "Llama 3 paper"), 2024
COMPILED = ("jax", "maxtext", "pathways")

# Recipes of this source (scripts/performance/configs) replay layers with experts on GB200 and GB300, and
# launch their many kernels one by one on H100, B200 and B300.
GRAPHS_OF_EXPERTS = "Megatron-Bridge"


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


def year_of(source: str) -> int:
    """The first year that a source or its arXiv number names, or that it is known for; else a later one."""
    return min(_years(source), default=BEFORE_FLASH + 1)


def _years(source: str) -> list[int]:
    """All years that a source or its arXiv number names, or that it is known for."""
    years = [int(year) for year in re.findall(r"\b20[12]\d\b", source)]
    years += [2000 + int(year) for year in re.findall(r"\b([12]\d)(?:0[1-9]|1[0-2])\.\d{4,5}\b", source)]
    words = set(re.findall(r"[a-z]+(?:-[a-z]+)*", source.lower()))
    return years + [year for name, year in YEARS.items() if name in words]


def has_sequence_parallelism(source: str, framework: str, notes: str) -> bool:
    """Whether activations are split between tensor ranks, as Megatron-LM does since mid-2022."""
    older = year_of(source) < BESIDE_WEIGHTS or _is_fork(source, framework)
    return not older and not notes.lower().startswith("no seq")


def _is_fork(source: str, framework: str) -> bool:
    """Whether a run of these years was one of a fork of Megatron-LM that had stayed behind."""
    return year_of(source) <= BEFORE_FLASH and framework.lower() in FORKS


def software_of(
    source: str, framework: str = "", system: str = "", *, pipelined: bool, moe: bool = False
) -> Software:
    """What the framework could do when the source was written, and did on a system."""
    year = year_of(source)
    if year > BEFORE_FLASH:
        launches = _launches(source, framework) or (moe and _launches_experts(source, system))
        return Software(replays=not launches)
    kept_up = year >= BESIDE_WEIGHTS and not _is_fork(source, framework)
    return Software(
        fused_attention=False,
        overlaps=False,
        beside_weights=kept_up,
        # Until then it left the gradients to PyTorch where there is no pipeline (DDP=torch in the scripts),
        # which reduces them early and adds nothing where a step has few microbatches.
        reduces_early=not pipelined,
        gathers_sent=True,
        fuses_gradients=kept_up or not pipelined,
        replays=False,
        norms_once=kept_up,
    )


def _launches(source: str, framework: str) -> bool:
    """Whether kernels were launched one by one in a later source."""
    if any(name in framework.lower() for name in LAUNCHING):
        return True
    older = min(_years(source), default=BEFORE_GRAPHS + 1) <= BEFORE_GRAPHS and "MLPerf" not in source
    compiled = any(name in framework.lower() for name in COMPILED)
    return any(name in source for name in LAUNCHED) or (older and not compiled)


def _launches_experts(source: str, system: str) -> bool:
    """Whether layers with experts have no graph in a source's recipes for a system."""
    return GRAPHS_OF_EXPERTS in source and not re.search(r"gb\d+", system.lower())
