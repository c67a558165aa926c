"""From an authored model to its shape, and what can be wrong with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import InputError
from planner.library import find
from planner.source import read_document, validate
from planner.workload.finding import Finding
from planner.workload.model import Experts, LatentAttention, Model
from planner.workload.schema import Architecture, ExpertsSection

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from pathlib import Path

MLA_KEYS = ("q_lora", "kv_lora", "nope", "rope", "v")


def load_architecture(name_or_path: str | os.PathLike[str], beside: Path | None = None) -> Architecture:
    """Read a model by shipped name or path; a relative path starts from the folder `beside`.

    Raises
    ------
    InputError
        With every mistake in the file.
    """
    document = read_document(find("model", name_or_path, beside), "model")
    architecture = validate(document, Architecture)
    problems = [f.problem(document) for f in architecture_findings(architecture)]
    if problems:
        raise InputError(*problems)
    return architecture


def load_model(name_or_path: str | os.PathLike[str]) -> Model:
    """A model by shipped name or path; raises InputError with every mistake in the file."""
    return to_model(load_architecture(name_or_path))


def architecture_findings(architecture: Architecture) -> Iterator[Finding]:
    """What is wrong with a model's shape; paths are those within the model."""
    yield from _head_findings(architecture)
    yield from _attention_findings(architecture)
    experts = architecture.experts
    if experts and experts.top_k > experts.count:
        yield Finding(
            "W004", ("experts", "top_k"), f"top_k is {experts.top_k}", f"at most the {experts.count} experts"
        )
    if experts and (experts.groups, experts.top_groups) != (1, 1):
        yield from _group_findings(experts)
    if experts and experts.dense_layers >= architecture.layers:
        yield Finding(
            "W004",
            ("experts", "dense_layers"),
            f"{experts.dense_layers} dense layers leave none of {architecture.layers} for experts",
            f"fewer than {architecture.layers}",
            "leave experts out for a dense model",
        )


def _head_findings(architecture: Architecture) -> Iterator[Finding]:
    heads, kv_heads = architecture.heads, architecture.kv_heads
    if architecture.attention.kind == "standard":
        if architecture.head_dim is None and architecture.hidden % heads:
            yield Finding(
                "W001",
                ("heads",),
                f"{heads} heads do not divide a hidden size of {architecture.hidden}",
                "heads that divide hidden, or head_dim",
            )
        if kv_heads is not None and heads % kv_heads:
            yield Finding(
                "W002",
                ("kv_heads",),
                f"{kv_heads} kv_heads do not divide {heads} heads",
                f"a divisor of {heads}",
            )


def _group_findings(experts: ExpertsSection) -> Iterator[Finding]:
    where = ("experts", "groups")
    if experts.count % experts.groups:
        yield Finding(
            "W004", where, f"{experts.groups} groups do not divide {experts.count} experts", "a divisor"
        )
    elif not experts.top_k / (experts.count // experts.groups) <= experts.top_groups <= experts.groups:
        yield Finding(
            "W004",
            ("experts", "top_groups"),
            f"{experts.top_groups} groups of {experts.groups}",
            f"at most the {experts.groups} groups, and enough for {experts.top_k} experts",
        )


def _attention_findings(architecture: Architecture) -> Iterator[Finding]:
    attention = architecture.attention
    given = [key for key in MLA_KEYS if getattr(attention, key) is not None]
    missing = [key for key in MLA_KEYS if key not in given]
    if attention.kind == "mla" and missing:
        yield Finding(
            "W003",
            ("attention",),
            f"latent attention lacks {', '.join(missing)}",
            f"all of {', '.join(MLA_KEYS)}",
        )
    if attention.kind == "standard" and given:
        yield Finding(
            "W003",
            ("attention", given[0]),
            f"{', '.join(given)} given for standard attention",
            "those keys with kind: mla only",
            "kind: mla",
        )


def to_model(architecture: Architecture) -> Model:
    """The shape of a model without findings, defaults filled in."""
    attention, experts = architecture.attention, architecture.experts
    latent = None
    if attention.kind == "mla":
        latent = LatentAttention(*(getattr(attention, key) for key in MLA_KEYS))
    return Model(
        name=architecture.name,
        layers=architecture.layers,
        hidden=architecture.hidden,
        ffn=architecture.ffn,
        heads=architecture.heads,
        kv_heads=architecture.kv_heads or architecture.heads,
        head_dim=architecture.head_dim or architecture.hidden // architecture.heads,
        vocab=architecture.vocab,
        gated_ffn=architecture.gated_ffn,
        tied_embeddings=architecture.tied_embeddings,
        biases=architecture.biases,
        layer_norm=architecture.layer_norm,
        qk_norm=architecture.qk_norm,
        learned_positions=architecture.learned_positions,
        mtp_layers=architecture.mtp_layers,
        latent_attention=latent,
        experts=Experts(**experts.model_dump()) if experts else None,
    )
