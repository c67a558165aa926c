"""`planner export`."""

from __future__ import annotations

import csv
import shutil

import pytest

from planner.formats.exporters import EXPORTERS, SINGLE_FILES
from tests.cli.commands import planner

FOLDERS = [name for name in EXPORTERS if name not in SINGLE_FILES]


def test_csv(placement, tmp_path):
    """One row a rank under the header of the contract."""
    path = tmp_path / "ranks.csv"
    outcome = planner("export", placement, "--to", "csv", "-o", path)
    assert (outcome.code, outcome.out) == (0, "")
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert ",".join(rows[0]) == "rank,tp,cp,ep,pp,dp,host,gpu,nic,node,rack,cluster"
    assert [row[0] for row in rows[1:]] == [str(rank) for rank in range(16)]


def test_csv_into_a_folder(placement, tmp_path):
    """A folder that is there, or a path with a slash at its end, gets the file and a README."""
    alone = tmp_path / "alone.csv"
    planner("export", placement, "--to", "csv", "-o", alone)
    (tmp_path / "there").mkdir()
    for folder in (tmp_path / "there", f"{tmp_path / 'new'}/"):
        assert planner("export", placement, "--to", "csv", "-o", folder).code == 0
        assert (tmp_path / folder / "ranks.csv").read_bytes() == alone.read_bytes()
        assert (tmp_path / folder / "README.md").is_file()


def test_a_file_that_is_there_is_kept(placement, tmp_path):
    """Unless --force says otherwise; a device is no file to keep."""
    path = tmp_path / "ranks.csv"
    path.write_text("mine")
    outcome = planner("export", placement, "--to", "csv", "-o", path)
    assert (outcome.code, path.read_text()) == (2, "mine")
    assert "error[E005]" in outcome.err
    assert planner("export", placement, "--to", "csv", "-o", path, "--force").code == 0
    assert path.read_text() != "mine"
    assert planner("export", placement, "--to", "csv", "-o", "/dev/null").code == 0


def test_unknown_formats_and_bad_paths_are_usage_errors(placement, tmp_path):
    """Refused before anything is read."""
    outcome = planner("export", placement, "--to", "cvs", "-o", tmp_path / "a")
    assert outcome.code == 2
    assert "did you mean 'csv'" in outcome.err
    assert planner("export", placement, "--to", "csv", "-o", tmp_path / "no/ranks.csv").code == 2
    assert planner("export", placement, "--to", "csv", "-o", placement).code == 2
    assert planner("export", placement, "--to", "csv", "-o", placement, "--force").code == 2
    assert planner("export", placement, "--to", "csv", "-o", tmp_path / "no/folder/").code == 2
    assert planner("export", placement, "--to", "csv", "-o", f"{placement}/").code == 2


def test_the_placement_is_never_replaced(placement, tmp_path):
    """Were it called like a file of the export, --force would not help."""
    before = placement.read_bytes() if hasattr(placement, "read_bytes") else None
    source = tmp_path / "out/ranks.csv"
    source.parent.mkdir()
    shutil.copy(placement, source)
    outcome = planner("export", source, "--to", "csv", "-o", source.parent, "--force")
    assert outcome.code == 2
    assert "error[U005]" in outcome.err
    assert before is None or source.read_bytes() == before


def test_unknown_options_are_usage_errors(placement, tmp_path):
    """Nothing is written."""
    outcome = planner("export", placement, "--to", "csv", "-o", f"{tmp_path / 'x'}/", "--option", "port=1")
    assert outcome.code == 2
    assert "error[E001]" in outcome.err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("to", FOLDERS)
def test_folders(placement, tmp_path, to):
    """Each launcher's folder is written once; a second time only with --force."""
    folder = tmp_path / to
    assert planner("export", placement, "--to", to, "-o", folder).code == 0
    assert {"README.md", "ranks.csv"} < {path.name for path in folder.iterdir()}
    again = planner("export", placement, "--to", to, "-o", folder)
    assert again.code == 2
    assert "README.md is there already" in again.err
    assert planner("export", placement, "--to", to, "-o", folder, "--force").code == 0


def test_changes(placement, tmp_path):
    """A placement against itself gives a patch of no rows, and not the whole map."""
    folder = tmp_path / "changes"
    outcome = planner("export", placement, "--to", "c", "--changed-from", placement, "-o", folder)
    assert (outcome.code, outcome.out) == (0, "")
    assert {path.name for path in folder.iterdir()} == {
        "README.md",
        "lookup.c",
        "placement.patch",
        "planner_job.h",
        "planner_map.h",
        "planner_patch.h",
    }


def test_changes_of_formats_that_have_none(placement, tmp_path):
    """Refused before anything is read; nor is the old placement ever replaced."""
    outcome = planner("export", placement, "--to", "slurm", "--changed-from", tmp_path / "no", "-o", tmp_path)
    assert outcome.code == 2
    assert "error[U008]" in outcome.err
    source = tmp_path / "placement.patch"
    shutil.copy(placement, source)
    outcome = planner("export", placement, "--to", "c", "--changed-from", source, "-o", tmp_path, "--force")
    assert outcome.code == 2
    assert "error[U005]" in outcome.err
