"""The tree of nodes: positions and limits."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from planner.errors import InputError
from planner.source.compose import DEEPEST, compose
from planner.source.nodes import to_data


def read(text):
    """Plain data of `text`."""
    return to_data(compose(text, "f"))


def refusal(text):
    """The problem that `text` is refused with."""
    with pytest.raises(InputError) as caught:
        compose(text, "f")
    (problem,) = caught.value.problems
    return problem


def test_aliases_are_written_out():
    """An alias stands for what it names, as often as it is used."""
    assert read("a: &x {b: [1, 2]}\nc: *x\nd: [*x, *x]") == {
        "a": {"b": [1, 2]},
        "c": {"b": [1, 2]},
        "d": [{"b": [1, 2]}] * 2,
    }


def test_quoted_text_stays_text():
    """Quotes keep a number, true or null from being one."""
    assert read("a: \"1\"\nb: 'true'\nc: !!str 5\nd: |\n  7\n") == {
        "a": "1",
        "b": "true",
        "c": "5",
        "d": "7\n",
    }


def test_keys_are_text():
    """A key is its text, whatever it looks like."""
    assert read("1: a\ntrue: b") == {"1": "a", "true": "b"}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_ends_of_lines(newline):
    """The line shown is the line meant, whatever ends lines."""
    problem = refusal(newline.join(["a: 1", "b: 2", "b: 3"]))
    assert (problem.code, problem.position.line, problem.position.text) == ("Y002", 3, "b: 3")


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029"])
def test_odd_separators_inside_a_line(character):
    """Characters that other programs break lines at do not shift the line that is shown."""
    problem = refusal(f'a: "x{character}z"\nb: 2\nb: 3')
    assert (problem.code, problem.position.text) == ("Y002", "b: 3")


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: [1, 2", "Y001", 1, 4),
        ("a: 'x", "Y001", 1, 4),
        ("a: b: c", "Y001", 1, 5),
        ("a:\n\t- 1", "Y007", 2, 1),
        ("a: 1\n\ta: 2", "Y007", 2, 1),
        ("a: {b: 1, b: 2}", "Y002", 1, 11),
        ("a: *b", "Y013", 1, 4),
        ("a: &b [*b]", "Y013", 1, 8),
        ("a: !!set {b}", "Y009", 1, 4),
        ("a: !x 1", "Y009", 1, 4),
        ("{[1]: 2}", "Y010", 1, 2),
        ("a: 1\n---\nb: 2", "Y008", 2, 1),
        ("a: \x01", "F006", 1, 4),
        ("# nothing", "F005", 1, 1),
    ],
)
def test_refused(text, code, line, column):
    """What is no document is refused at the place where it goes wrong."""
    problem = refusal(text)
    assert (problem.code, problem.position.line, problem.position.column) == (code, line, column)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_depth(opening):
    """Nesting ends at the limit, however deep the file goes on."""
    assert refusal(opening * 5000).code == "Y003"


def test_depth_of_aliases_counts():
    """A chain of aliases nests as deep as what it stands for."""
    chain = "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, DEEPEST + 5))
    assert refusal(chain).code == "Y003"


def test_billion_laughs():
    """What aliases expand to is counted and never built."""
    bomb = "a0: &a0 [1, 1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 25))
    assert refusal(bomb).code == "Y004"


values = st.recursive(
    st.integers(-(10**9), 10**9) | st.booleans() | st.none() | st.text("ab #-\u00e9", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=4), values, min_size=1))
def test_reads_what_a_yaml_writer_writes(data):
    """Data written by a YAML library are read back the same."""
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump(data, stream)
    assert read(stream.getvalue()) == data
