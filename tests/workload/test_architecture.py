"""Authored models."""

import pytest

from planner.errors import InputError
from planner.library import shipped
from planner.workload.architecture import load_architecture, load_model


@pytest.mark.parametrize("name", shipped("model"))
def test_shipped_models_load(name):
    """Every shipped model is sound and bears its file's name."""
    assert load_model(name).name == name


def test_defaults(tmp_path):
    """kv_heads are the heads, head_dim is hidden / heads."""
    path = tmp_path / "m.yaml"
    path.write_text("name: m\nlayers: 2\nhidden: 64\nffn: 256\nheads: 8\nvocab: 100\n")
    model = load_model(path)
    assert (model.kv_heads, model.head_dim, model.gated_ffn, model.experts) == (8, 8, True, None)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("experts: {count: 4, top_k: 5, ffn: 64}", "W004"),
        ("experts: {count: 4, top_k: 2, ffn: 64, dense_layers: 2}", "W004"),
        ("experts: {count: 4, top_k: 2, ffn: 64, groups: 3}", "W004"),
        ("experts: {count: 4, top_k: 2, ffn: 64, groups: 2, top_groups: 3}", "W004"),
        ("experts: {count: 4, top_k: 3, ffn: 64, groups: 2, top_groups: 1}", "W004"),
        ("attention: {q_lora: 4}", "W003"),
        ("attention: {kind: mla, q_lora: 4}", "W003"),
        ("kv_heads: 3", "W002"),
    ],
)
def test_mistakes(tmp_path, line, code):
    """Each mistake has its code, at its line."""
    path = tmp_path / "m.yaml"
    path.write_text(f"name: m\nlayers: 2\nhidden: 64\nffn: 256\nheads: 8\nvocab: 100\n{line}\n")
    with pytest.raises(InputError) as error:
        load_architecture(path)
    [problem] = error.value.problems
    assert (problem.code, problem.position.line) == (code, 7)


def test_unknown_model():
    """A mistyped name brings the right one."""
    with pytest.raises(InputError, match="deepseek-v3"):
        load_model("deepseek-v4")
