"""What was measured on real GPUs beside the model."""

from __future__ import annotations

import json
from pathlib import Path

from planner.cost.figures import shipped_figures
from planner.topology.presets import preset
from tests.benchmarks.gpus.__main__ import FILE, main, predicted_step, ring, shape

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "explanation" / "step-time-gpus.txt"


def test_page_shows_what_the_command_prints(capsys):
    """Its table is not typed."""
    main()
    assert capsys.readouterr().out == PAGE.read_text()


def test_splits_are_told_apart():
    """One GPU is slowest; every split is predicted within a quarter of what was measured."""
    steps = {row["split"]: row for row in json.loads(FILE.read_text())["steps"]}
    predicted = {split: predicted_step(row, preset("h200")) for split, row in steps.items()}
    assert max(predicted, key=predicted.get) == "none"
    for split, row in steps.items():
        assert abs(predicted[split] / row["s"] - 1) < 0.25, split


def test_measured_constants_are_what_the_commands_give(capsys):
    """Those of products' shape and of attention in parts."""
    shared = shipped_figures().shared
    shape()
    ring()
    printed = capsys.readouterr().out
    assert (
        f"narrow_outputs {shared.narrow_outputs:.0f}, shallow_inputs {shared.shallow_inputs:.0f}," in printed
    )
    assert (
        f"ring_slowdown {shared.ring_slowdown:.3f}, ring_few_tokens {shared.ring_few_tokens:.0f}, "
        f"ring_part_bytes {shared.ring_part_bytes:.0f}"
    ) in printed
