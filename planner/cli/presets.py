"""`planner presets`: what ships with the planner."""

from __future__ import annotations

from planner.cli.options import JsonOption
from planner.cli.output import emit, show


def presets(as_json: JsonOption = False) -> None:
    """List what ships with the planner and can be given by name."""
    from planner.report.presets import presets_document, presets_view

    if as_json:
        emit(presets_document())
    else:
        show(presets_view())
