"""Models that runs were published of, from their names or from the shape that notes give."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

from planner.library import shipped
from planner.workload.architecture import load_architecture, to_model
from planner.workload.model import Model

# Heads of GPT models by their hidden size (Narayanan et al. 2021, table 1), where notes do not say.
HEADS = {2304: 24, 3072: 32, 4096: 32, 6144: 48, 8192: 64, 10240: 80, 12288: 96, 16384: 128}
HEADS |= {20480: 128, 25600: 160}
VOCAB = 51200
MODELS = Path(__file__).with_name("models")
# Megatron trains these with so many modules that predict further tokens, as published TFLOP/s show: those of
# DeepSeek-V3 are 1.04 of what the model without its module has.
MTP = {"deepseek-v3": 1}
# Models of the same shape and other spellings.
ALIASES = re.compile(r"ds-?v3|deepseek[-_ ]?(?:v3|r1)")
PARTS = r"(kv[ _]heads|hidden|layers|heads|vocab|ffn)"
NUMBER = r"(\d[\d,]*\d|\d)"
SHAPE = re.compile(rf"{PARTS}(?:[ _](?:size|dim))?(?:[ :=]| of )+{NUMBER}")
COUNTED = re.compile(rf"{NUMBER}\s+(?:attention |query )?(kv heads|layers|heads)")


@cache
def model_of(name: str, notes: str) -> Model:
    """A GPT model of the shape that the notes give, or a model that ships or is known here.

    Raises
    ------
    ValueError
        Where the notes give no shape and nothing like the name is known.
    """
    said = SHAPE.findall(notes.lower())
    said += [(key, value) for value, key in COUNTED.findall(SHAPE.sub(";", notes.lower()))]
    found = {key.replace("_", " "): int(value.replace(",", "")) for key, value in said}
    if {"hidden", "layers"} <= set(found):
        return _gpt(name, found)
    known = _known_name(name)
    return replace(to_model(load_architecture(_known()[known])), mtp_layers=MTP.get(known, 0))


def cut_of(model: Model, chunks: int) -> tuple[int, ...] | None:
    """Layers of each chunk where they are not even.

    Megatron-Bridge's recipes of models with further modules cut layers as if module and loss were three
    more, which the last chunk lacks.
    """
    if not model.mtp_layers or chunks == 1:
        return None
    each = -(-(model.layers + 3) // chunks)
    last = model.layers - each * (chunks - 1)
    made = (each + min(last, 0), *[each] * (chunks - 2), max(last, 0))
    return made if min(made[:-1]) >= 0 else None


@cache
def _known() -> dict[str, str]:
    """Where models are, by name: those that ship, and of other tables those in `models` beside this file."""
    others = {each.stem: str(each) for each in sorted(MODELS.glob("*.yaml"))}
    return {each: each for each in shipped("model")} | others


def _known_name(name: str) -> str:
    """The known model whose name has the same words, versions of a line apart."""
    wanted = _words(ALIASES.sub("deepseek-v3", name.lower()))
    close = [each for each in _known() if _words(each) <= wanted or wanted <= _words(each)]
    if not close:
        raise ValueError(
            f"expected hidden and layers in the notes, or a model that ships or is known here, got {name!r}"
        )
    return max(close, key=lambda each: len(_words(each) & wanted))


def _words(name: str) -> frozenset[str]:
    """Words of a name, its line and size; `Llama3_405B` and `llama-3.1-405b` have the same."""
    words = re.sub(r"(llama|qwen|gpt|grok)-?(\d)", r"\1 \2", name.lower().replace("gpt-oss", "gptoss"))
    kept = re.findall(r"[a-z]+\d*[a-z]?|\d+(?:\.\d+)?[a-z]*", words)
    return frozenset(re.sub(r"^3\.\d$", "3", each) for each in kept)


def _gpt(name: str, found: dict[str, int]) -> Model:
    """A GPT model: ungated FFN of four times the hidden size, biases, a tied embedding."""
    hidden = found["hidden"]
    heads = found.get("heads", HEADS.get(hidden, max(1, hidden // 128)))
    return Model(
        name=name,
        layers=found["layers"],
        hidden=hidden,
        ffn=found.get("ffn", 4 * hidden),
        heads=heads,
        kv_heads=found.get("kv heads", heads),
        head_dim=hidden // heads,
        vocab=found.get("vocab", VOCAB),
        gated_ffn=False,
        tied_embeddings=True,
        biases=True,
        layer_norm=True,
    )
