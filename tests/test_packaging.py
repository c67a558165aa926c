"""What an installed planner has, and what the lock file and scripts promise."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import planner
from planner.library import shipped

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, built and unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run_installed(site, folder, *arguments):
    """Run the unpacked wheel's command line in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "planner", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_wheel_finds_everything_by_name(installed, tmp_path):
    """Topologies, workloads, models and GPUs, from any folder."""
    document = json.loads(run_installed(installed, tmp_path, "presets", "--json"))
    assert [entry["name"] for entry in document["topologies"]] == shipped("topology")
    assert [entry["name"] for entry in document["workloads"]] == shipped("workload")
    shown = json.loads(run_installed(installed, tmp_path, "topology", "show", "lab-4x8", "--json"))
    assert shown["gpus"] == 32


def test_the_wheel_holds_all_of_the_package(installed):
    """Every file of the package, and the licence."""
    files = subprocess.run(
        ["git", "ls-files", "planner"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    missing = [name for name in files if (ROOT / name).exists() and not (installed / name).exists()]
    assert missing == []
    assert list(installed.glob("*.dist-info/licenses/LICENSE"))


def test_the_lock_pins_every_dependency_with_hashes():
    """Whatever the project or its development asks for stands there with version and hash."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    ]
    lock = (ROOT / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9.-]+)==\S+ .*\\\n    --hash=sha256:", lock, re.MULTILINE))
    assert {re.split(r"[<>=\[]", name)[0].replace(".", "-") for name in wanted} <= pinned


def test_the_lock_names_no_place():
    """No index, no path of the machine that made it."""
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert "index-url" not in lock
    assert not re.search(r"(^|\s)/", lock)


def test_version():
    """One version, in one place."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", planner.__version__)


@pytest.mark.parametrize("script", ["install", "lock", "test", "run"])
def test_scripts_are_sound(script):
    """Executable, and without a slip that a shell would notice."""
    path = ROOT / ".ci" / script
    assert os.access(path, os.X_OK)
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0
