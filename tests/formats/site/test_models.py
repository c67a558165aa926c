"""GPU models by the names that others have for them."""

from __future__ import annotations

import pytest

from planner.formats.site.instances import gpus_of_type
from planner.formats.site.models import figures, preset_name


@pytest.mark.parametrize(
    ("model", "preset"),
    [
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA-GB200", "gb200"),
        ("nvidia-h100-mega-80gb", "h100"),
        ("AMD Instinct MI300X OAM", "mi300x"),
        ("tpu-v5p-slice", "tpu-v5p"),
        ("tpu7x", "tpu7x"),
        ("H200", "h200"),
        ("Tesla T4", None),
        ("", None),
    ],
)
def test_presets(model, preset):
    """By the word of the model in a longer name."""
    assert preset_name(model) == preset


def test_figures():
    """Of presets only."""
    assert figures("NVIDIA B200").name == "b200"
    assert figures("Tesla T4") is None
    assert figures(None) is None


@pytest.mark.parametrize(
    ("kind", "gpus"),
    [
        ("p5.48xlarge", ("h100", 8)),
        ("zones/z/machineTypes/a3-ultragpu-8g", ("h200", 8)),
        ("a2-highgpu-1g", ("a100", 1)),
        ("a4x-highgpu-4g", ("gb200", 4)),
        ("m5.large", (None, None)),
    ],
)
def test_types_of_machines(kind, gpus):
    """Of clouds, with or without the path before them."""
    assert gpus_of_type(kind) == gpus
