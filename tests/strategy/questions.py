"""Small questions for a search."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as some

from planner.strategy.outline import Level, Outline
from planner.strategy.space import Question
from planner.topology.presets import preset
from planner.workload.job import Precision
from planner.workload.model import Experts, Model

MODEL = Model("m", layers=8, hidden=1024, ffn=4096, heads=8, kv_heads=4, head_dim=128, vocab=32000)
MOE = replace(MODEL, experts=Experts(count=8, top_k=2, ffn=1024))
OUTLINE = Outline(16, (Level("node", 8, 400e9),), 450e9, preset("h100"))
QUESTION = Question(MODEL, 32, 2048, Precision.BF16, gpus=16, domain=8)


def with_models(cluster, *names):
    """The cluster with another GPU model in each of its nodes."""
    return replace(cluster, gpu_kinds=tuple(map(preset, names)), gpu_kind=cluster.gpu_node.copy())


@some.composite
def models(draw):
    """Models of a few layers, with and without experts, dense layers before them, and tied embeddings."""
    layers = draw(some.integers(1, 9))
    experts = None
    if draw(some.booleans()):
        dense = draw(some.integers(0, layers - 1))
        experts = Experts(draw(some.sampled_from((4, 8))), 2, 512, draw(some.integers(0, 1)), dense)
    tied = draw(some.booleans())
    return replace(MODEL, layers=layers, experts=experts, tied_embeddings=tied)


@some.composite
def questions(draw):
    """A small space, and the outline of the cluster that it is for."""
    gpus, domain = draw(some.sampled_from(((4, 2), (8, 4), (16, 8), (12, 4), (16, 2))))
    outer = (Level("rack", 2 * domain, draw(some.sampled_from((50e9, None)))),)
    levels = (
        Level("node", domain, draw(some.sampled_from((5e9, 400e9)))),
        *(outer if 2 * domain < gpus else ()),
    )
    pinned = (("micro", str(draw(some.sampled_from((1, 2))))), ("cp", str(draw(some.sampled_from((1, 2))))))
    scale_up, faster = draw(some.sampled_from((50e9, 450e9))), ()
    if draw(some.booleans()):
        # Some of the GPUs, of a faster model that has less memory, behind faster links.
        better = tuple(level._replace(uplink_bytes_per_s=800e9) for level in levels)
        gpu = replace(preset("b200"), memory_bytes=preset("h100").memory_bytes / 2)
        faster = (Outline(gpus - draw(some.integers(1, gpus // 2)), better, scale_up, gpu),)
    question = Question(
        draw(models()),
        draw(some.sampled_from((8, 16, 32))),
        draw(some.sampled_from((256, 2048))),
        draw(some.sampled_from(list(Precision))),
        gpus,
        domain,
        pinned,
        faster=tuple(part.gpus for part in faster),
    )
    return question, Outline(gpus, levels, scale_up, preset("h100"), faster)
