"""GPU models."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.library import shipped
from planner.topology.presets import preset

# BF16, FP8, FP4 TFLOP/s; memory and its bandwidth; scale-up and NIC per GPU and direction, in GB/s.
SHEET = {
    "a100": (312, None, None, 80e9, 2000, 300, 25),
    "h100": (989, 1979, None, 80e9, 3350, 450, 50),
    "h200": (989, 1979, None, 141e9, 4800, 450, 50),
    "b200": (2250, 4500, 9000, 180e9, 8000, 900, 50),
    "b300": (2250, 4500, 13500, 270e9, 7700, 900, 100),
    "gb200": (2450, 4900, 9800, 192e9, 8000, 900, 50),
    "gb300": (2450, 4900, 14700, 288e9, 8000, 900, 100),
    "mi300x": (1307, 2614, None, 192e9, 5300, 7 * 64, 50),
    "mi355x": (2500, 5000, 10100, 288e9, 8000, 7 * 76.8, 50),
    "tpu-v5p": (459, None, None, 95 * 2**30, 2800, 6 * 90, None),
    "tpu-v6e": (918, None, None, 32e9, 1600, 4 * 90, None),
    "tpu7x": (2307, 4614, None, 192 * 2**30, 7380, 600, None),
}


@pytest.mark.parametrize("name", SHEET)
def test_figures(name):
    """Each preset has the figures of its data sheet."""
    gpu = preset(name)
    rates = [gpu.flops(precision) for precision in ("bf16", "fp8", "fp4")]
    speeds = [gpu.memory_bytes_per_s, gpu.scale_up_bytes_per_s, gpu.nic_bytes_per_s]
    assert gpu.name == name
    assert [rate and rate / 1e12 for rate in rates] == list(SHEET[name][:3])
    assert gpu.memory_bytes == SHEET[name][3]
    assert [speed and pytest.approx(speed / 1e9) for speed in speeds] == list(SHEET[name][4:])


def test_every_preset_is_checked():
    """The sheet above lists all that ship."""
    assert shipped("gpu") == sorted(SHEET)


def test_formats_that_run_at_the_rate_of_another():
    """fp16 runs as bf16, mxfp8 as fp8, nvfp4 as fp4; what a GPU lacks is None."""
    gpu = preset("gb300")
    assert [gpu.flops(p) for p in ("fp16", "mxfp8", "nvfp4", "fp32")] == [2.45e15, 4.9e15, 14.7e15, None]


def test_unknown():
    """An unknown GPU is told the nearest one."""
    with pytest.raises(InputError) as caught:
        preset("h10")
    assert caught.value.problems[0].code == "V012"
    assert caught.value.problems[0].suggestion == "did you mean 'h100'?"


def test_hashable():
    """GPU models can be told apart in a set."""
    assert len({preset("h100"), preset("h100"), preset("h200")}) == 2
