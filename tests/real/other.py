"""What tests need to run scripts where the other projects are installed."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest

PYTHON = Path(__file__).parent / ".venv" / "bin" / "python"


def ask(script, question):
    """What `script` prints as JSON when `question` stands on its standard input as JSON."""
    done = subprocess.run(
        [PYTHON, "-c", script], input=json.dumps(question), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def needs(*packages):
    """The mark of tests that run `packages`, which skip where they are not installed."""
    places = PYTHON.parents[1].glob("lib/python*/site-packages")
    there = {path.name for place in places for path in place.iterdir()}
    missing = [package for package in packages if package not in there]
    return pytest.mark.skipif(
        bool(missing), reason=f"tests/real/install.sh has not installed {', '.join(missing)}"
    )


def free_port():
    """A port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])
