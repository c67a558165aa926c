"""Atomic writing."""

from __future__ import annotations

import os
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from planner.errors import InputError
from planner.files import write_atomic


def test_writes_and_replaces(tmp_path):
    """The new bytes stand there, and nothing else is left in the folder."""
    target = tmp_path / "plan.json"
    write_atomic(target, b"one")
    write_atomic(target, b"two")
    assert target.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_failure_keeps_the_old_file(tmp_path, monkeypatch, call):
    """When writing fails, the old file stays and no temporary file is left."""
    target = tmp_path / "plan.json"
    write_atomic(target, b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    if call == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(InputError) as caught:
        write_atomic(target, b"new")
    assert caught.value.problems[0].code == "F004"
    assert "No space left" in str(caught.value)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_interruption_leaves_no_temporary_file(tmp_path, monkeypatch):
    """Ctrl-C in the midst of writing keeps the old file and cleans up."""
    target = tmp_path / "plan.json"
    write_atomic(target, b"old")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_permissions(tmp_path):
    """An existing file keeps its permissions; a new one gets the usual ones."""
    target = tmp_path / "plan.json"
    mask = os.umask(0o027)
    try:
        write_atomic(target, b"one")
        assert stat.S_IMODE(target.stat().st_mode) == 0o640
        target.chmod(0o600)
        write_atomic(target, b"two")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_link_is_followed(tmp_path):
    """Where the path is a link, what it leads to is replaced and the link stays."""
    target, link = tmp_path / "plan.json", tmp_path / "latest.json"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_atomic(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize(("path", "code"), [("", "F002"), ("missing/plan.json", "F004")])
def test_refused(tmp_path, path, code):
    """A folder, or a path in no folder, is refused."""
    with pytest.raises(InputError) as caught:
        write_atomic(tmp_path / path, b"x")
    assert caught.value.problems[0].code == code


def test_pipe_is_written_to(tmp_path):
    """What is no file keeps its place: a pipe, by its path or as /dev/stdout is one, gets the bytes."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        read = pool.submit(pipe.read_bytes)
        write_atomic(pipe, b"x" * 100_000)
        assert len(read.result(timeout=30)) == 100_000
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    reader, writer = os.pipe()
    write_atomic(f"/proc/self/fd/{writer}", b"new")
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        assert file.read() == b"new"


def test_failure_of_a_device():
    """A device that takes nothing is told as a file that cannot be written."""
    with pytest.raises(InputError, match=r"F004.*No space left"):
        write_atomic("/dev/full", b"x")


def test_socket_is_refused(tmp_path):
    """A socket can be neither replaced nor written to."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        with pytest.raises(InputError, match="is a socket"):
            write_atomic(path, b"x")
    assert stat.S_ISSOCK(path.stat().st_mode)
