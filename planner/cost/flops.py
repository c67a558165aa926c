"""Counts of floating-point operations by which published figures are stated.

They differ by 4 to 20 %, so a rate in TFLOP/s means little without the name of its count.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.workload.job import Job
    from planner.workload.model import Model


class FlopCount(StrEnum):
    """Which count.

    - ``causal``: ``6 N s + 6 L h s^2`` a sample, attention to earlier tokens only (Megatron-Bridge's
      performance tables).
    - ``full``: ``6 N s + 12 L h s^2``, attention counted as if it were not causal (MLPerf Training).
    - ``sc21``: ``96 B s L h^2 (1 + s / 6h + V / 16 L h)``, recomputation counted (Narayanan et al.
      2021, section 3.4).

    N are the parameters that a token passes, without the input embedding.
    """

    CAUSAL = "causal"
    FULL = "full"
    SC21 = "sc21"


def step_flops(job: Job, count: FlopCount) -> float:
    """Floating-point operations of one step by `count`, all GPUs together."""
    model, tokens = job.model, float(job.global_batch) * job.sequence
    if count is FlopCount.SC21:
        layers, hidden = model.layers, model.hidden
        of_head = model.vocab / (16 * layers * hidden)
        return 96 * tokens * layers * hidden**2 * (1 + job.sequence / (6 * hidden) + of_head)
    factor = 6 if count is FlopCount.CAUSAL else 12
    attention = factor * model.layers * _attention_dim(model) * job.sequence
    return tokens * (6 * products_parameters(model) + attention)


def products_parameters(model: Model) -> float:
    """Parameters of the matrix products that one token passes (N): the embedding is no product."""
    head = 0 if not model.tied_embeddings else model.word_embedding_parameters
    embeddings = model.embedding_parameters - head
    return float(model.active_parameters - embeddings)


def _attention_dim(model: Model) -> float:
    """Width that stands for h in the attention terms: the mean of queries and values of all heads."""
    return (model.q_dim + model.attention_out_dim) / 2
