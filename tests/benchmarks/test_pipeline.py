"""The benchmark of a whole plan."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_smallest_case():
    """It runs, and prints every step as a multiple of the floor."""
    command = [sys.executable, "-m", "tests.benchmarks.pipeline", "--case", "0", "--repeat", "1"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    row = next(line for line in printed.splitlines() if "lab-4x8" in line).split()
    assert row[:3] == ["llama-70b-32", "on", "lab-4x8"]
    assert len([float(each.replace(",", "")) for each in row[3:]]) == 9
