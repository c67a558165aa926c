"""Foreign files as text."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.formats.reading import sources
from planner.formats.reading.sources import read_source


def read(tmp_path, data):
    """The text of a file with these bytes, and codes and places of what is odd."""
    path = tmp_path / "site.txt"
    path.write_bytes(data)
    source, odd = read_source(str(path))
    return source.text, [(problem.code, problem.position.line, problem.position.column) for problem in odd]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\r\nb\rc\n", "a\nb\nc\n"),
        (b"\xef\xbb\xbfa\n", "a\n"),
        ("aé\n".encode("utf-16"), "aé\n"),
        (b"\x1b[4mGPU0\x1b[0m\tX\n", "GPU0\tX\n"),
        (b"\x1b]0;title\x07n\n", "n\n"),
    ],
)
def test_marks_and_escapes_are_taken_out(tmp_path, data, text):
    """Ends of lines, byte order marks, colours and titles of a terminal."""
    assert read(tmp_path, data) == (text, [])


def test_other_encodings(tmp_path):
    """What is not UTF-8 is replaced, with one finding at the first place."""
    text, odd = read(tmp_path, b"node1\nb\xfcro \xff\n")
    assert text == "node1\nb\ufffdro \ufffd\n"
    assert odd == [("I001", 2, 2)]


@pytest.mark.parametrize(
    ("data", "code"), [(b"", "F005"), (b" \n\n", "F005"), (b"\x7fELF\0\0", "F006"), (b"\x1b[0m\n", "F005")]
)
def test_what_is_no_text(tmp_path, data, code):
    """Empty or binary files."""
    with pytest.raises(InputError, match=code):
        read(tmp_path, data)


def test_what_is_no_file(tmp_path):
    """Missing files, folders, and names that no file can have."""
    for path, code in ((tmp_path / "missing", "F001"), (tmp_path, "F002"), ("a\0b", "F004")):
        with pytest.raises(InputError, match=code):
            read_source(str(path))


def test_files_without_end(tmp_path, monkeypatch):
    """No more is read than may be."""
    monkeypatch.setattr(sources, "LARGEST_BYTES", 4)
    with pytest.raises(InputError, match="F003"):
        read(tmp_path, b"12345")
