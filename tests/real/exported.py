"""Exports on disk, and programs that run beside them where the other projects are installed."""

from __future__ import annotations

import os
import subprocess

from planner.formats.exporting import bundle
from planner.formats.writing.folder import write_folder
from tests.real.other import PYTHON


def write(placement, to, folder, *options):
    """The folder that `planner export` writes."""
    write_folder(bundle(placement, to, options), folder)
    return folder


def run(script, folder, *, seconds=120, **surroundings):
    """What a Python script prints that imports the folder's modules."""
    done = start(script, folder, **surroundings)
    out, errors = done.communicate(timeout=seconds)
    assert done.returncode == 0, errors[-4000:]
    return out


def start(script, folder, **surroundings):
    """The same script on its way."""
    quiet = {"JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [PYTHON, "-c", script],
        env={**os.environ, **quiet, "PYTHONPATH": str(folder), **surroundings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
