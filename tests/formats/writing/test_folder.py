"""Writing an export: all of it into its folder, or nothing."""

from __future__ import annotations

import os
import stat

import pytest

from planner.errors import InputError, UsageError
from planner.files import write_atomic
from planner.formats.exporters import Export
from planner.formats.writing.folder import write_folder

EXPORT = Export(
    {"run.sh": b"#!/bin/sh\n", "hosts/a": b"a\n", "hosts/b": b"b\n"}, executable=frozenset({"run.sh"})
)


def tree(folder):
    """Content of every file beneath a folder, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def codes(export, folder, **options):
    """Codes of what is refused."""
    with pytest.raises(UsageError) as caught:
        write_folder(export, folder, **options)
    return [problem.code for problem in caught.value.problems]


@pytest.mark.parametrize("there", [False, True])
def test_everything_is_written(tmp_path, there):
    """All files, scripts as such, and nothing else; with the permissions that other files get."""
    folder = tmp_path / "out"
    if there:
        folder.mkdir()
    before = os.umask(0o022)
    try:
        write_folder(EXPORT, folder)
    finally:
        os.umask(before)
    assert tree(folder) == EXPORT.files
    assert {path.name for path in folder.iterdir()} == {"run.sh", "hosts"}
    modes = {path: stat.S_IMODE((folder / path).stat().st_mode) for path in ("run.sh", "hosts/a", ".")}
    assert modes == {"run.sh": 0o755, "hosts/a": 0o644, ".": 0o755}


def test_files_that_are_there_are_kept(tmp_path):
    """All of them are named and nothing is written; --force replaces them and leaves others alone."""
    write_folder(EXPORT, tmp_path / "out")
    (tmp_path / "out/hosts/a").unlink()
    (tmp_path / "out/run.sh").write_text("mine")
    (tmp_path / "out/notes").write_text("mine")
    before = tree(tmp_path / "out")
    assert codes(EXPORT, tmp_path / "out") == ["E005", "E005"]
    assert tree(tmp_path / "out") == before
    write_folder(EXPORT, tmp_path / "out", force=True)
    assert tree(tmp_path / "out") == {**EXPORT.files, "notes": b"mine"}


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "a/..", "", ".", "a//b", "a/", "a\0"])
@pytest.mark.parametrize("force", [False, True])
def test_nothing_is_written_outside(tmp_path, path, force):
    """A path that is not plainly one of a file inside is refused, and so is all else."""
    assert codes(Export({"fine": b"", path: b""}), tmp_path / "out", force=force) == ["E006"]
    assert not (tmp_path / "out").exists()


def test_links_are_not_followed(tmp_path):
    """Neither a file nor a folder that is a link is written through, wherever it leads."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_text("mine")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "hosts").symlink_to(outside)
    assert codes(EXPORT, folder, force=True) == ["E007", "E007"]
    (folder / "hosts").unlink()
    (folder / "run.sh").symlink_to(outside / "nothing")
    assert codes(EXPORT, folder, force=True) == ["E007"]
    assert tree(outside) == {"a": b"mine"}


def test_the_folder_itself_may_be_a_link(tmp_path):
    """What was named on the command line is where files go."""
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    write_folder(EXPORT, tmp_path / "out")
    assert tree(tmp_path / "real") == EXPORT.files


def test_folders_and_files_in_the_way(tmp_path):
    """A folder where a file goes is refused, and a file where a folder goes, also with --force."""
    folder = tmp_path / "out"
    (folder / "run.sh").mkdir(parents=True)
    (folder / "hosts").write_text("")
    assert codes(EXPORT, folder, force=True) == ["E007", "E007", "E007"]
    (tmp_path / "file").write_text("")
    assert codes(EXPORT, tmp_path / "file") == ["E007"]


@pytest.mark.parametrize("there", [False, True])
def test_a_full_disk_leaves_all_as_it_was(tmp_path, monkeypatch, there):
    """Where the last file cannot be written, none is."""
    folder = tmp_path / "out"
    if there:
        folder.mkdir()
        (folder / "run.sh").write_text("mine")
    before = tree(tmp_path)

    def fails(path, data):
        if path.name == "b":
            raise InputError.of("F004", "no room")
        write_atomic(path, data)

    monkeypatch.setattr("planner.formats.writing.folder.write_atomic", fails)
    with pytest.raises(InputError):
        write_folder(EXPORT, folder, force=True)
    assert tree(tmp_path) == before
    assert folder.exists() is there
