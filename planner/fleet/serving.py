"""A model that answers requests, as a workload: what a copy moves in forward passes, and the memory it needs.

Symbols: T tokens a data-parallel rank of the copy runs through the model, h hidden, t tp, Z ep, k experts a
token. Activations have 2 bytes an element. Keys and values that wait in memory are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

from planner.workload.load import build_workload
from planner.workload.stages import alike, even

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from planner.fleet.schema import ServingSection
    from planner.workload.model import Model
    from planner.workload.workload import Workload

ACTIVATION_BYTES = 2
WEIGHT_BYTES = {"fp32": 4.0, "fp16": 2.0, "bf16": 2.0, "fp8": 1.0, "mxfp8": 1.0, "nvfp4": 0.5}


@dataclass(frozen=True)
class Stages:
    """Which layers each stage of something holds, and at what width its weights are kept.

    Parameters
    ----------
    layers
        Numbers of the layers of each stage.
    embedding, head
        The stages that hold the embedding and the head.
    element_bytes
        Bytes of a weight.
    """

    layers: tuple[frozenset[int], ...]
    embedding: frozenset[int]
    head: frozenset[int]
    element_bytes: float


def served(section: ServingSection, model: Model) -> Workload:
    """One copy of a served model as a workload; `impossible_splits` must have found nothing.

    Raises
    ------
    InputError
        Where a rule of `keep` names no axis.
    """
    parallelism = section.parallelism.model_dump()
    description = {
        "format_version": 1,
        "name": f"{model.name}-serving",
        "parallelism": parallelism,
        "keep": dict(section.keep),
        "traffic": traffic(section, model),
    }
    workload = build_workload(description)
    return replace(workload, memory_bytes=weight_bytes(section, model))


def impossible_splits(section: ServingSection, model: Model) -> Iterator[tuple[str, str, str]]:
    """Degrees that a served model cannot have: the axis, what is wrong, and what was expected."""
    degrees, experts = section.parallelism, model.experts
    for axis in ("cp", "vp"):
        if getattr(degrees, axis) > 1:
            yield axis, f"{axis} of a served model", f"{axis}: 1"
    if model.heads % degrees.tp:
        yield "tp", f"tp {degrees.tp} for {model.heads} heads", f"a divisor of {model.heads}"
    if degrees.pp > model.layers:
        yield "pp", f"{degrees.pp} stages for {model.layers} layers", f"at most {model.layers}"
    if degrees.ep > 1 and experts is None:
        yield "ep", f"ep {degrees.ep} for a model without experts", "ep: 1"
    elif experts is not None and experts.count % degrees.ep:
        yield "ep", f"ep {degrees.ep} for {experts.count} experts", f"a divisor of {experts.count}"
    elif degrees.dp % degrees.ep:
        yield "ep", f"ep {degrees.ep} of {degrees.dp} data-parallel ranks", f"a divisor of dp {degrees.dp}"


def served_stages(section: ServingSection, model: Model) -> Stages:
    """What each stage of a served model holds."""
    sizes = even(model.layers, section.parallelism.pp)
    layers = [frozenset(range(end - size, end)) for size, end in zip(sizes, accumulate(sizes), strict=True)]
    last = section.parallelism.pp - 1
    return Stages(tuple(layers), frozenset({0}), frozenset({last}), WEIGHT_BYTES[section.precision])


def traffic(section: ServingSection, model: Model) -> Mapping[str, object]:
    """What each axis moves in the forward passes of a step.

    Tensor groups all-reduce ``T h`` elements after the attention and after the FFN of each layer
    (Narayanan et al. 2021, section 3.2, forward only). Stages pass ``T h / t`` elements on. Expert
    groups exchange ``T k h / (t Z)`` elements a pair in dispatch, and again in combine (DeepSeek-V3,
    section 3.2, forward only).
    """
    degrees = section.parallelism
    tokens = section.tokens / degrees.dp
    once = tokens * model.hidden * ACTIVATION_BYTES
    held = served_stages(section, model).layers
    found: dict[str, object] = {}
    if degrees.tp > 1:
        found["tp"] = {"kind": "all_reduce", "bytes": [2 * len(layers) * once for layers in held]}
    if degrees.ep > 1 and model.experts is not None:
        pair = 2 * once * model.experts.top_k / degrees.tp / degrees.ep
        expert = [sum(map(model.is_moe_layer, layers)) * pair for layers in held]
        found["ep"] = {"kind": "all_to_all", "bytes": expert}
    if degrees.pp > 1:
        found["pp"] = {"kind": "p2p", "bytes": once / degrees.tp}
    return found


def weight_bytes(section: ServingSection, model: Model) -> tuple[float, ...]:
    """Bytes of the weights in a GPU of each stage."""
    degrees, stages = section.parallelism, served_stages(section, model)
    needed = []
    for stage, layers in enumerate(stages.layers):
        dense, expert = parameters(model, sorted(layers))
        dense += model.embedding_parameters * (stage in stages.embedding)
        dense += model.head_parameters * (stage in stages.head)
        share = dense / degrees.tp + expert / (degrees.tp * degrees.ep)
        needed.append(share * stages.element_bytes)
    return tuple(needed)


def parameters(model: Model, layers: Sequence[int]) -> tuple[float, float]:
    """Parameters of some layers: those every expert-parallel rank holds, and routed experts."""
    dense = expert = 0.0
    for layer, times in alike(model, layers):
        each = model.layer_parameters(layer)
        dense += times * each.dense
        expert += times * each.routed_experts
    return dense, expert


def kv_bytes(model: Model, tokens: int) -> float:
    """Bytes of the keys and values of some tokens in all layers; MLA keeps its latent and a rotary key."""
    mla = model.latent_attention
    elements = mla.kv_lora + mla.rope if mla else model.k_dim + model.v_dim
    return float(tokens) * model.layers * elements * ACTIVATION_BYTES
