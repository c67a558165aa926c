"""Files of foreign formats that tests import, one folder a format beside this module."""

from __future__ import annotations

from pathlib import Path

from planner.formats.site.site import Source

FOLDER = Path(__file__).parent


def source(path):
    """A fixture by its path beneath this folder."""
    return Source(path, (FOLDER / path).read_text())
