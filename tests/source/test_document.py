"""Documents: files, positions, includes, digests."""

from __future__ import annotations

import os

import pytest

from planner.errors import InputError
from planner.source import parse_document, read_document
from planner.source.document import LARGEST_BYTES

TEXT = """\
name: lab
tiers:
  - {name: node, uplink: 1 GB/s}
  - name: rack
"""


def refusal(path):
    """The problem that reading `path` ends with."""
    with pytest.raises(InputError) as caught:
        read_document(path, "topology")
    return caught.value.problems[0]


@pytest.mark.parametrize(
    ("path", "key", "line", "column"),
    [
        ((), False, 1, 1),
        (("name",), False, 1, 7),
        (("name",), True, 1, 1),
        (("tiers",), False, 3, 3),
        (("tiers", 0), False, 3, 5),
        (("tiers", 0, "uplink"), False, 3, 26),
        (("tiers", 0, "uplink"), True, 3, 18),
        (("tiers", 1, "name"), False, 4, 11),
        (("tiers", 1, "nothing", 5), False, 4, 5),
    ],
)
def test_positions(path, key, line, column):
    """Every key and value knows its place; a path that leads nowhere ends at what is there."""
    position = parse_document(TEXT).position(path, key=key)
    assert (position.line, position.column) == (line, column)


def test_has():
    """A path is there or it is not."""
    document = parse_document(TEXT)
    assert document.has(("tiers", 1, "name"))
    assert not document.has(("tiers", 2))
    assert not document.has(("name", "x"))


def test_include_is_the_base(tmp_path):
    """Own keys replace those of the base; down, spare and degraded come after the base's."""
    (tmp_path / "base.yaml").write_text("name: base\ntiers: [1]\ndown: [a]\nspare: [b]\ndomains: [c]\n")
    own = tmp_path / "own.yaml"
    own.write_text("include: base.yaml\nname: own\ndown: [d]\ndegraded: [e]\ndomains: [f]\n")
    document = read_document(own, "topology")
    assert document.data == {
        "name": "own",
        "tiers": [1],
        "down": ["a", "d"],
        "spare": ["b"],
        "degraded": ["e"],
        "domains": ["f"],
    }
    assert document.position(("down", 0)).file.endswith("base.yaml")
    assert document.position(("down", 1)).file.endswith("own.yaml")
    assert document.position(("tiers", 0)).file.endswith("base.yaml")


def test_include_of_a_shipped_name(tmp_path):
    """What is included may ship with the planner."""
    own = tmp_path / "own.yaml"
    own.write_text("include: lab-4x8\nname: own\n")
    assert read_document(own, "topology").data["gpu"] == "h100"


def test_digest_covers_what_is_included(tmp_path):
    """The digest changes when the file or anything it includes does, and only then."""
    base, own = tmp_path / "base.yaml", tmp_path / "own.yaml"
    base.write_text("a: 1\n")
    own.write_text("include: base.yaml\n")
    first = read_document(own, "topology").digest
    assert read_document(own, "topology").digest == first
    base.write_text("a: 2\n")
    assert read_document(own, "topology").digest != first


def test_circle_of_two(tmp_path):
    """Files that include each other are refused at the include that closes the circle."""
    (tmp_path / "a.yaml").write_text("include: b.yaml\n")
    (tmp_path / "b.yaml").write_text("# b\ninclude: a.yaml\n")
    problem = refusal(tmp_path / "a.yaml")
    assert problem.code == "Y011"
    assert problem.position.file.endswith("b.yaml")
    assert problem.position.line == 2


def test_chain_of_includes_ends(tmp_path):
    """A long chain of includes is refused before it exhausts anything."""
    for index in range(40):
        (tmp_path / f"f{index}.yaml").write_text(f"include: f{index + 1}.yaml\n")
    assert refusal(tmp_path / "f0.yaml").code == "Y014"


def test_include_of_a_list(tmp_path):
    """An include that names nothing is refused at its place."""
    (tmp_path / "a.yaml").write_text("include: [b]\n")
    problem = refusal(tmp_path / "a.yaml")
    assert (problem.code, problem.position.column) == ("V003", 10)


def test_byte_order_mark_is_no_mistake(tmp_path):
    """UTF-8 with a byte order mark is UTF-8, and its columns count from the text."""
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: x\n")
    document = read_document(path, "topology")
    assert document.data == {"name": "x"}
    assert document.position(("name",), key=True).column == 1


def test_folder(tmp_path):
    """A folder is no file."""
    assert refusal(tmp_path).code == "F002"


def test_missing(tmp_path):
    """A file that is not there is said to be missing."""
    assert refusal(tmp_path / "x.yaml").code == "F001"


def test_too_large(tmp_path):
    """A huge file is refused without being parsed."""
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)
    assert refusal(path).code == "F003"


def test_unreadable(tmp_path, monkeypatch):
    """A file that cannot be read is said to be so, with the system's reason."""
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\n")

    def fail(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", fail)
    problem = refusal(path)
    assert problem.code == "F004"
    assert "Permission denied" in problem.message


def test_position_of_a_byte_that_is_no_text(tmp_path):
    """A byte that is not UTF-8 is found by line and column."""
    path = tmp_path / "a.yaml"
    path.write_bytes("a: 1\nb: \u00e9".encode() + b"\xff")
    problem = refusal(path)
    assert (problem.code, problem.position.line, problem.position.column) == ("F007", 2, 5)


def test_an_include_is_an_ordinary_file(tmp_path):
    """A pipe, which might never end, is refused where it is named."""
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "a.yaml").write_text("name: a\ninclude: pipe.yaml\n")
    problem = refusal(tmp_path / "a.yaml")
    assert (problem.code, problem.position.line) == ("F004", 2)


def test_a_name_too_long_for_the_system(tmp_path):
    """A path that the system refuses to look for is unreadable, in the command line and in a file."""
    assert refusal("a" * 300).code == "F004"
    (tmp_path / "a.yaml").write_text(f"include: {'b' * 300}\n")
    assert refusal(tmp_path / "a.yaml").code == "F004"


def test_a_working_folder_that_is_gone(tmp_path, monkeypatch):
    """Without a working folder a relative path is unreadable, and a shipped name still there."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert refusal("./a.yaml").code in ("F001", "F004")
    assert read_document("lab-4x8", "topology").data["name"] == "lab-4x8"
