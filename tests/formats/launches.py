"""Running exported scripts with a stand-in for the launcher that writes down how it was called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from planner.formats.exporting import bundle
from planner.formats.writing.folder import write_folder


def exported(placement, to, folder, *given):
    """The folder of an export; its files by name."""
    export = bundle(placement, to, given)
    write_folder(export, folder)
    return {path: content.decode() for path, content in export.files.items()}


def called(folder, script, launcher, *arguments, env=()):
    """The words that `script` calls `launcher` with, and the environment that it has then."""
    stand_in = folder / "bin" / launcher
    stand_in.parent.mkdir(exist_ok=True)
    stand_in.write_text('#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done\n')
    stand_in.chmod(0o755)
    path = f"{stand_in.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [folder / script, *arguments],
        cwd=folder,
        env={"PATH": path, **dict(env)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()
