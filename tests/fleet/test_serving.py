"""Served models as workloads."""

from __future__ import annotations

import pytest

from planner.fleet.schema import ServingSection
from planner.fleet.serving import kv_bytes, served, served_stages, weight_bytes
from planner.workload.architecture import load_model


def section(**more):
    """A section with some tokens."""
    return ServingSection.model_validate({"model": "m", "tokens": 1024, **more})


def test_tensor_and_pipeline_traffic():
    """Two all-reduces of tokens x hidden a layer; activations over each stage boundary, split among ranks."""
    model = load_model("llama-3.1-8b")
    workload = served(section(parallelism={"tp": 2, "pp": 3}), model)
    traffic = {family.name: family.payload_bytes for family in workload.families}
    once = 1024 * 4096 * 2
    stages = served_stages(section(parallelism={"pp": 3}), model)
    assert sorted(len(layers) for layers in stages.layers) == [10, 11, 11]
    assert (stages.embedding, stages.head) == ({0}, {2})
    assert sum(traffic["tp"]) == 2 * 32 * once
    assert traffic["pp"] == (once / 2, once / 2)


def test_expert_traffic():
    """Dispatch and combine of top-k of what each rank has, to each of the others."""
    model = load_model("deepseek-v3")
    workload = served(section(parallelism={"ep": 64, "dp": 64}), model)
    (family,) = workload.families
    assert (family.name, family.kind) == ("ep", "all_to_all")
    assert family.payload_bytes == (58 * 2 * (1024 / 64) * 7168 * 2 * 8 / 64,)


@pytest.mark.parametrize(("precision", "width"), [("bf16", 2), ("fp8", 1), ("nvfp4", 0.5)])
def test_memory(precision, width):
    """Weights alone, in their format; they add up to the model's."""
    model = load_model("deepseek-v3")
    asked = section(parallelism={"ep": 64, "dp": 64, "pp": 2}, precision=precision)
    dense_and_share = weight_bytes(asked, model)
    assert served(asked, model).memory_bytes == dense_and_share
    whole = section(parallelism={"pp": 2}, precision=precision)
    assert sum(weight_bytes(whole, model)) == pytest.approx(width * model.parameters, rel=1e-6)
    assert sum(dense_and_share) < sum(weight_bytes(whole, model)) / 20


def test_keys_and_values():
    """Two vectors a layer and token; of latent attention the latent and one rotary key."""
    assert kv_bytes(load_model("llama-3.1-8b"), 10) == 10 * 32 * 2 * 8 * 128 * 2
    assert kv_bytes(load_model("deepseek-v3"), 10) == 10 * 61 * (512 + 64) * 2
