"""Running a script where the other projects are installed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

PYTHON = Path(__file__).parent / ".venv" / "bin" / "python"


def ask(script, question):
    """What `script` prints as JSON when `question` stands on its standard input as JSON."""
    done = subprocess.run(
        [PYTHON, "-c", script], input=json.dumps(question), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
