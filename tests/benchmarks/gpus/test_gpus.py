"""What was measured on real GPUs beside the model."""

from __future__ import annotations

import json
from pathlib import Path

from planner.topology.presets import preset
from tests.benchmarks.gpus.__main__ import FILE, main, predicted_step

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
