"""A transformer's shape, and how many parameters each part of it has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LatentAttention:
    """Multi-head latent attention (MLA): keys and values out of a low-rank latent.

    Parameters
    ----------
    q_lora, kv_lora
        Ranks of the latents of queries and of keys and values; no query latent where `q_lora` is 0.
    nope, rope
        Dimensions of a head's query and key without and with rotary position.
    v
        Dimensions of a head's value.
    """

    q_lora: int
    kv_lora: int
    nope: int
    rope: int
    v: int


@dataclass(frozen=True)
class Experts:
    """Routed experts of a mixture of experts.

    Parameters
    ----------
    count, top_k
        Experts of a layer, and how many of them see a token.
    ffn
        Inner size of one expert.
    shared
        Experts of the same size that see every token.
    dense_layers
        First layers that have a dense FFN instead.
    groups, top_groups
        Groups that the experts are in, as many in each, and of how many of them a token's experts are.
    """

    count: int
    top_k: int
    ffn: int
    shared: int = 0
    dense_layers: int = 0
    groups: int = 1
    top_groups: int = 1

    @property
    def is_limited(self) -> bool:
        """Whether a token's experts are of some groups only."""
        return self.top_groups < self.groups


@dataclass(frozen=True)
class LayerParameters:
    """Parameters of one layer by part; `routed_experts` counts all experts of the layer."""

    attention: int
    dense_ffn: int = 0
    routed_experts: int = 0
    shared_experts: int = 0
    router: int = 0
    norms: int = 0

    @property
    def total(self) -> int:
        """All parameters of the layer."""
        return self.dense + self.routed_experts

    @property
    def dense(self) -> int:
        """Those that every data-parallel rank holds: all but the routed experts."""
        return self.attention + self.dense_ffn + self.shared_experts + self.router + self.norms


@dataclass(frozen=True)
class Model:
    """Shape of a decoder-only transformer.

    Parameters
    ----------
    name
        Name of the model.
    layers, hidden, ffn
        Layers, model dimension, inner dimension of a dense FFN.
    heads, kv_heads, head_dim
        Query heads, heads of keys and values, dimensions of a head.
    vocab
        Rows of the embedding.
    gated_ffn
        Two input projections, as in SwiGLU, instead of one.
    tied_embeddings
        The head is the embedding transposed.
    biases
        Every linear layer has a bias.
    layer_norm
        Norms have a bias too (LayerNorm) instead of a weight alone (RMSNorm).
    qk_norm
        Queries and keys of each head are normed.
    learned_positions
        Rows of a learned position embedding; 0 for rotary positions.
    mtp_layers
        Modules that predict further tokens in training (DeepSeek-V3, section 2.2), on the stage of the
        head: each a layer like the last, a projection of two hidden states to one, and the head once
        more. They are no part of `parameters`.
    latent_attention
        MLA, where used; then `kv_heads` and `head_dim` say nothing.
    experts
        Routed experts, where the model is a mixture of experts.
    """

    name: str
    layers: int
    hidden: int
    ffn: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    gated_ffn: bool = True
    tied_embeddings: bool = False
    biases: bool = False
    layer_norm: bool = False
    qk_norm: bool = False
    learned_positions: int = 0
    mtp_layers: int = 0
    latent_attention: LatentAttention | None = None
    experts: Experts | None = None

    def is_moe_layer(self, layer: int) -> bool:
        """Whether layer number `layer`, from 0, has routed experts."""
        return self.experts is not None and layer >= self.experts.dense_layers

    @property
    def moe_layers(self) -> int:
        """Number of layers with routed experts."""
        return self.layers - self.experts.dense_layers if self.experts else 0

    @property
    def q_dim(self) -> int:
        """Elements a token has in all query heads."""
        mla = self.latent_attention
        return self.heads * (mla.nope + mla.rope if mla else self.head_dim)

    @property
    def k_dim(self) -> int:
        """Elements a token has in all key heads, after MLA's up-projection."""
        return self.q_dim if self.latent_attention else self.kv_heads * self.head_dim

    @property
    def v_dim(self) -> int:
        """Elements a token has in all value heads, after MLA's up-projection."""
        mla = self.latent_attention
        return self.heads * mla.v if mla else self.kv_heads * self.head_dim

    @property
    def attention_out_dim(self) -> int:
        """Elements a token has at the input of the attention's output projection."""
        mla = self.latent_attention
        return self.heads * (mla.v if mla else self.head_dim)

    def ffn_parameters(self, inner: int) -> int:
        """Parameters of one FFN or expert of inner size `inner`."""
        inputs = 2 if self.gated_ffn else 1
        biases = inputs * inner + self.hidden if self.biases else 0
        return (inputs + 1) * self.hidden * inner + biases

    def attention_parameters(self) -> int:
        """Parameters of one layer's attention, its inner norms included."""
        mla = self.latent_attention
        if mla:
            return self._latent_attention_parameters(mla)
        projections = self.hidden * (self.q_dim + self.k_dim + self.v_dim + self.attention_out_dim)
        biases = self.q_dim + self.k_dim + self.v_dim + self.hidden if self.biases else 0
        return projections + biases + (2 * self.head_dim if self.qk_norm else 0)

    def _latent_attention_parameters(self, mla: LatentAttention) -> int:
        """MLA as DeepSeek-V2, section 2.1: down- and up-projections, a norm on each latent."""
        query = mla.q_lora * (self.hidden + 1 + self.q_dim) if mla.q_lora else self.hidden * self.q_dim
        down = self.hidden * (mla.kv_lora + mla.rope) + mla.kv_lora
        up = mla.kv_lora * self.heads * (mla.nope + mla.v)
        return query + down + up + self.attention_out_dim * self.hidden

    def norm_parameters(self) -> int:
        """Parameters of one norm over the model dimension."""
        return self.hidden * (2 if self.layer_norm else 1)

    def layer_parameters(self, layer: int) -> LayerParameters:
        """Parameters of layer number `layer`, from 0."""
        attention, norms = self.attention_parameters(), 2 * self.norm_parameters()
        if self.experts is None or not self.is_moe_layer(layer):
            return LayerParameters(attention, dense_ffn=self.ffn_parameters(self.ffn), norms=norms)
        expert = self.ffn_parameters(self.experts.ffn)
        return LayerParameters(
            attention,
            routed_experts=self.experts.count * expert,
            shared_experts=self.experts.shared * expert,
            router=self.experts.count * (self.hidden + (1 if self.biases else 0)),
            norms=norms,
        )

    @property
    def embedding_parameters(self) -> int:
        """Parameters of the token and learned position embeddings."""
        return (self.vocab + self.learned_positions) * self.hidden

    @property
    def word_embedding_parameters(self) -> int:
        """Parameters of the token embedding, which a tied head shares."""
        return self.vocab * self.hidden

    @property
    def head_parameters(self) -> int:
        """Parameters of the output projection; 0 where it is tied to the embedding."""
        return 0 if self.tied_embeddings else self.vocab * self.hidden

    @property
    def parameters(self) -> int:
        """Parameters of the whole model, a tied embedding counted once."""
        layers = sum(self.layer_parameters(layer).total for layer in range(self.layers))
        return layers + self.embedding_parameters + self.head_parameters + self.norm_parameters()

    @property
    def active_parameters(self) -> int:
        """Parameters that one token passes: of the routed experts only its `top_k`."""
        if self.experts is None:
            return self.parameters
        idle = self.experts.count - self.experts.top_k
        return self.parameters - self.moe_layers * idle * self.ffn_parameters(self.experts.ffn)
