"""What ships, with a line on each."""

from __future__ import annotations

import pytest

from planner.report.presets import about, presets_document


def test_about_is_the_first_sentence_of_the_file():
    """Without the modeline and without the full stop."""
    text = about("topology", "lab-4x8")
    assert text.startswith("A laboratory of four nodes")
    assert not text.endswith(".")


def test_an_abbreviation_ends_no_sentence():
    """The authors of a source stay with their year."""
    assert about("model", "megatron-1t").startswith("Korthikanti et al. 2022 (arXiv 2205.05198), table 3")
    assert not about("model", "gpt3-175b").endswith("et al")


@pytest.mark.parametrize("key", ["topologies", "workloads", "models", "gpus"])
def test_every_file_says_what_it_is(key):
    """Nothing ships without a word on where it comes from."""
    assert all(len(entry["about"]) > 10 for entry in presets_document()[key])
