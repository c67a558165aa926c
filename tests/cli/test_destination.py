"""Paths that cannot be written are refused before any work."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from planner.cli.destination import require_folder, require_other, require_writable
from planner.errors import UsageError


def refusal(path, *, of=require_writable, **options):
    """Code of the problem with a path."""
    with pytest.raises(UsageError) as caught:
        of(path, **options)
    return caught.value.problems[0].code


def test_folder(tmp_path):
    """A folder is no file."""
    assert refusal(tmp_path) == "U002"


def test_missing_folder(tmp_path):
    """The folder of the file must exist; the message says how to make it."""
    assert refusal(tmp_path / "a" / "b.json") == "U003"


def test_permission(tmp_path, monkeypatch):
    """What the system refuses is refused."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert refusal(tmp_path / "b.json") == "U004"


def test_inputs_are_not_overwritten(tmp_path):
    """Writing over an input is a mistake, also through another name of the same file."""
    source = tmp_path / "a.yaml"
    source.write_text("x")
    link = tmp_path / "b.yaml"
    link.symlink_to(source)
    assert refusal(source, inputs=(source,)) == "U005"
    assert refusal(link, inputs=("lab-4x8", source)) == "U005"


def test_new_and_old_files_are_accepted(tmp_path):
    """A file that is there may be replaced, and a new one made."""
    require_writable(tmp_path / "new.json", inputs=("lab-4x8",))
    (tmp_path / "old.json").write_text("x")
    require_writable(tmp_path / "old.json")
    assert (tmp_path / "old.json").read_text() == "x"


def test_dash_is_no_file(tmp_path, monkeypatch):
    """Who means stdout is told that it is not meant here, rather than given a file called -."""
    monkeypatch.chdir(tmp_path)
    assert refusal(Path("-")) == "U001"


def test_what_is_no_file(tmp_path):
    """A device or pipe may be written to, whatever its folder allows; a socket may not."""
    os.mkfifo(tmp_path / "pipe")
    require_writable(tmp_path / "pipe")
    require_writable(Path("/dev/null"))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        assert refusal(tmp_path / "socket") == "U004"


def test_name_too_long(tmp_path):
    """What the system refuses to look for cannot be written either."""
    assert refusal(tmp_path / ("a" * 300)) == "U004"


def test_a_file_that_is_there_may_have_to_stay(tmp_path):
    """A device is not one, and a new file is none yet."""
    (tmp_path / "a").write_text("")
    assert refusal(tmp_path / "a", replace=False) == "E005"
    require_writable(tmp_path / "a")
    require_writable(tmp_path / "b", replace=False)
    require_writable(Path("/dev/null"), replace=False)


def test_folders_to_write(tmp_path, monkeypatch):
    """One that is there or can be made; never a file, nor a folder in a folder that is missing."""
    (tmp_path / "a").write_text("")
    require_folder(tmp_path)
    require_folder(tmp_path / "new")
    assert refusal(tmp_path / "a", of=require_folder) == "E007"
    assert refusal(tmp_path / "no" / "new", of=require_folder) == "U003"
    assert refusal(Path("-"), of=require_folder) == "U001"
    assert refusal(Path("x" * 5000), of=require_folder) == "U004"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert refusal(tmp_path, of=require_folder) == "U004"


def test_a_file_of_a_folder_may_be_an_input(tmp_path):
    """Under any of its names."""
    source = tmp_path / "a"
    source.write_text("")
    (tmp_path / "b").symlink_to(source)
    assert refusal(tmp_path / "b", of=require_other, inputs=(source,)) == "U005"
    require_other(tmp_path / "c", inputs=(source, tmp_path / "gone"))
