"""The authored workload and model files."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from planner.source import Authored, Title, require_unless_included
from planner.units import Bytes

LARGEST_DEGREE = 1_000_000
MOST_LAYERS = 10_000

Degree = Annotated[int, Field(ge=1, le=LARGEST_DEGREE)]
Size = Annotated[int, Field(ge=1, le=2**40)]
KindName = Literal[
    "p2p", "path", "ring", "all_reduce", "all_gather", "reduce_scatter", "broadcast", "all_to_all"
]


class AttentionSection(Authored):
    """Kind of attention."""

    kind: Literal["standard", "mla"] = "standard"
    """standard: multi-head or, with fewer `kv_heads`, grouped-query; mla: multi-head latent attention."""
    q_lora: int | None = Field(default=None, ge=0, le=2**20)
    """Rank of the queries' latent; 0 where queries come straight from the hidden state."""
    kv_lora: Size | None = None
    """Rank of the latent of keys and values."""
    nope: Size | None = None
    """Dimensions of a head's query and key without rotary position."""
    rope: Size | None = None
    """Dimensions of a head's query and key with rotary position."""
    v: Size | None = None
    """Dimensions of a head's value."""


class ExpertsSection(Authored):
    """Routed experts."""

    count: Size
    """Routed experts of a layer."""
    top_k: Size
    """Routed experts that see a token."""
    ffn: Size
    """Inner size of one expert."""
    shared: int = Field(default=0, ge=0, le=1024)
    """Experts of the same size that see every token."""
    dense_layers: int = Field(default=0, ge=0, le=MOST_LAYERS)
    """First layers that have a dense FFN and no experts."""
    groups: Size = 1
    """Groups that routed experts are in, as many in each: those of one lie in as few domains as can be."""
    top_groups: Size = 1
    """Groups that a token's experts may be of; fewer than `groups` limits routing."""


class Architecture(Authored):
    """A model: the shape of a decoder-only transformer."""

    name: Title
    """Name of the model."""
    layers: int = Field(ge=1, le=MOST_LAYERS)
    """Number of layers."""
    hidden: Size
    """Model dimension."""
    ffn: Size
    """Inner size of a dense FFN."""
    gated_ffn: bool = True
    """Two input projections, as in SwiGLU."""
    heads: Size
    """Query heads."""
    kv_heads: Size | None = None
    """Heads of keys and values; fewer than `heads` is grouped-query attention. Default: `heads`."""
    head_dim: Size | None = None
    """Dimensions of a head. Default: hidden / heads."""
    vocab: Size
    """Rows of the embedding."""
    tied_embeddings: bool = False
    """The output projection is the embedding."""
    biases: bool = False
    """Linear layers have biases."""
    layer_norm: bool = False
    """LayerNorm, with a bias, instead of RMSNorm."""
    qk_norm: bool = False
    """Queries and keys of each head are normed."""
    learned_positions: int = Field(default=0, ge=0, le=2**30)
    """Rows of a learned position embedding; 0 for rotary positions."""
    mtp_layers: int = Field(default=0, ge=0, le=64)
    """Modules that predict further tokens in training (MTP), each a layer and a second use of the head."""
    attention: AttentionSection = AttentionSection()
    """Kind of attention. Default: standard."""
    experts: ExpertsSection | None = None
    """Routed experts, for a mixture of experts. Default: none."""


class Parallelism(Authored):
    """Degrees of parallelism; tp * cp * dp * pp ranks."""

    tp: Degree = 1
    """Tensor parallelism."""
    cp: Degree = 1
    """Context parallelism."""
    ep: Degree = 1
    """Expert parallelism: runs of consecutive data-parallel and context ranks, no ranks of its own."""
    pp: Degree = 1
    """Pipeline stages."""
    vp: Degree = 1
    """Virtual stages a stage holds (interleaved schedule)."""
    dp: Degree = 1
    """Data parallelism."""


class StagesSection(Authored):
    """Layers of the outer chunks; the others share the rest."""

    first: int | None = Field(default=None, ge=0, le=MOST_LAYERS)
    """Layers of the first chunk, which also has the embedding."""
    last: int | None = Field(default=None, ge=0, le=MOST_LAYERS)
    """Layers of the last chunk, which also has the output head."""
    rest: Literal["even", "balanced"] = "even"
    """How the others share the layers that are left."""


Stages = Annotated[
    Annotated[Literal["even", "balanced"], Tag("by rule")]
    | Annotated[
        list[Annotated[int, Field(ge=0, le=MOST_LAYERS)]],
        Tag("one by one"),
        Field(min_length=1, max_length=MOST_LAYERS + 2),
    ]
    | Annotated[StagesSection, Tag("outer ones")],
    Discriminator(
        lambda value: (
            "one by one"
            if isinstance(value, (list, tuple))
            else "outer ones"
            if isinstance(value, (dict, StagesSection))
            else "by rule"
        )
    ),
]


class Batch(Authored):
    """What one step trains on."""

    global_: Size = Field(alias="global")
    """Samples a step."""
    micro: Size = 1
    """Samples a microbatch."""
    sequence: Size
    """Tokens a sample."""


class TrafficFamily(Authored):
    """The collective of one axis's groups and its payload."""

    kind: KindName
    """The collective; p2p joins neighbours along the axis (and last with first on pp with vp > 1)."""
    bytes_: Annotated[
        Annotated[Bytes, Tag("same for all")] | Annotated[list[Bytes], Tag("for each")],
        Discriminator(lambda value: "for each" if isinstance(value, (list, tuple)) else "same for all"),
    ] = Field(alias="bytes")
    """Payload a group and step: the pair's bytes for p2p, path and ring, the whole buffer for
    collectives, the bytes of one ordered pair for all_to_all. A list gives one entry a stage, on pp one
    entry a pair of neighbours."""


Traffic = Annotated[
    Annotated[TrafficFamily, Tag("one")]
    | Annotated[list[TrafficFamily], Tag("several"), Field(min_length=1)],
    Discriminator(lambda value: "several" if isinstance(value, list) else "one"),
]


class WorkloadFile(Authored):
    """A workload: a training job, or its traffic given outright."""

    model_config = ConfigDict(json_schema_extra=require_unless_included)

    format_version: Literal[1]
    """Version of this format."""
    name: Title
    """Name of the workload."""
    include: str | None = None
    """Another workload that this one changes keys of."""
    model: (
        Annotated[
            Annotated[str, Tag("by name")] | Annotated[Architecture, Tag("inline")],
            Discriminator(lambda value: "by name" if isinstance(value, str) else "inline"),
        ]
        | None
    ) = None
    """Name or path of a model, or its shape."""
    parallelism: Parallelism
    """Degrees of parallelism; tp * cp * dp * pp ranks."""
    batch: Batch | None = None
    """What one step trains on."""
    precision: Literal["fp32", "fp16", "bf16", "fp8", "mxfp8", "nvfp4"] | None = None
    """Format of the matrix products. Default: bf16."""
    gradients: Literal["fp32", "bf16", "fp16"] | None = None
    """Format in which gradients are kept and reduced. Default: fp32; under fsdp, and with precision fp16,
    16 bits."""
    dispatch: Literal["fp32", "bf16", "fp16", "fp8"] | None = None
    """Format in which tokens go to their experts. Default: that of activations."""
    data_parallel: Literal["ddp", "distributed_optimizer", "fsdp", "fsdp_no_reshard"] | None = None
    """What data-parallel ranks share. Default: distributed_optimizer."""
    recompute: Literal["none", "selective", "full"] | None = None
    """What of forward is computed again in backward. Default: selective."""
    schedule: Literal["gpipe", "1f1b", "interleaved", "zb-h1", "zb-h2", "zb-v", "dualpipe"] | None = None
    """Pipeline schedule. Default: 1f1b; interleaved with vp > 1."""
    stages: Stages | None = None
    """How layers are cut into the chunks of the pipeline, pp x vp of them (2 x pp under zb-v): even, as
    frameworks do unless told; balanced, so that the slowest stage is as fast as can be; or the layers of
    each chunk along the pipeline, or of the first and the last. Default: even."""
    sequence_parallel: bool | None = None
    """Activations between tensor-parallel regions are split along the sequence. Default: true."""
    rank_order: str = "tp-cp-ep-dp-pp"
    """Axes in which ranks run, fastest first, joined with -; axes of degree 1 may be left out."""
    keep: dict[str, str] = Field(default_factory=dict)
    """Hard rules: a group of this axis touches one domain of that tier."""
    traffic: dict[str, Traffic] | None = None
    """Payloads given outright, by axis (tp, cp, ep, dp, pp, edp), instead of a model."""
