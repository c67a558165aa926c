"""GPU models as drivers and clouds call them, and the presets that they are."""

from __future__ import annotations

import re
from functools import cache

from planner.library import shipped
from planner.topology.presets import Gpu, preset

# Longer words first, where one model's name is part of another's.
_WORDS = {
    "gb300": "gb300",
    "gb200": "gb200",
    "b300": "b300",
    "b200": "b200",
    "h200": "h200",
    "h100": "h100",
    "a100": "a100",
    "mi355x": "mi355x",
    "mi300x": "mi300x",
    "gfx950": "mi355x",
    "gfx942": "mi300x",
    "v5p": "tpu-v5p",
    "tpu-v5p": "tpu-v5p",
    "v6e": "tpu-v6e",
    "tpu-v6e": "tpu-v6e",
    "tpu7x": "tpu7x",
}
_WORD = re.compile(r"[a-z]+[0-9]+[a-z]*")


@cache
def preset_name(model: str) -> str | None:
    """The preset that `model` is, such as h100 for ``NVIDIA H100 80GB HBM3``; None where it is none."""
    lower = model.strip().lower()
    if lower in shipped("gpu"):
        return lower
    return next((_WORDS[word] for word in _WORD.findall(lower) if word in _WORDS), None)


@cache
def figures(model: str | None) -> Gpu | None:
    """Figures of a model; None where it is no preset."""
    name = preset_name(model) if model else None
    return preset(name) if name else None
