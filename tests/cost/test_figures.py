"""The constants' file."""

from __future__ import annotations

import pytest

from planner.cost.figures import FILE, GENERIC, figures_of, read_figures, shipped_figures
from planner.errors import InputError
from planner.library import shipped
from planner.topology.presets import Gpu, preset
from planner.workload.job import Precision


def test_every_generation_names_presets():
    """Each GPU of a generation ships, and none is in two."""
    named = [gpu for each in shipped_figures().generations.values() for gpu in each.gpus]
    assert len(named) == len(set(named))
    assert set(named) <= set(shipped("gpu"))


def test_generations_differ_and_unknown_gpus_are_generic():
    """A GPU of no generation gets the generic one's efficiency."""
    generic = shipped_figures().generations[GENERIC].efficiency
    assert figures_of(Gpu("mine", {})).efficiency == generic
    assert figures_of(preset("h100")).efficiency != generic


def test_formats_scale_the_efficiency():
    """Those that the file does not name count as 16 bits."""
    figures = figures_of(preset("gb300"))
    assert figures.of_products(Precision.BF16) == figures.efficiency
    expected = figures.efficiency * figures.shared.formats["nvfp4"]
    assert figures.of_products(Precision.NVFP4) == expected


def test_every_constant_says_where_it_is_from():
    """Each line of the file with a number is marked measured, fitted or assumed."""
    lines = [line for line in FILE.read_text().splitlines() if ":" in line and any(c.isdigit() for c in line)]
    unmarked = [line for line in lines if not line.startswith("#") and not line.partition("#")[2].strip()]
    assert unmarked == []


def test_mistake_in_the_file_has_a_place():
    """A share above what can be is pointed at."""
    text = FILE.read_text().replace("tensor_overlap: ", "tensor_overlap: 7")
    with pytest.raises(InputError) as caught:
        read_figures(text)
    assert caught.value.problems[0].position.line > 1
