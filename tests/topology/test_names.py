"""Name ranges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import InputError
from planner.topology.names import are_names, compress, count, expand, is_name, require_names


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("r05", ["r05"]),
        ("r[01-03]", ["r01", "r02", "r03"]),
        ("r[9-11]", ["r9", "r10", "r11"]),
        ("r[098-101]", ["r098", "r099", "r100", "r101"]),
        ("n[3,1-2,7]", ["n3", "n1", "n2", "n7"]),
        ("r[1-2]c[0-1]n[01-02]", [f"r{r}c{c}n0{n}" for r in (1, 2) for c in (0, 1) for n in (1, 2)]),
        ("a,b[1-2],c", ["a", "b1", "b2", "c"]),
        ("n[1,1]", ["n1", "n1"]),
        ("n[1-2]-ib0", ["n1-ib0", "n2-ib0"]),
        ("4x[1-2]", ["4x1", "4x2"]),
        ("[1-2]", ["1", "2"]),
    ],
)
def test_expand(expression, names):
    """Ranges are nested loops in written order, the last bracket fastest, padded as their low end."""
    assert expand(expression) == names
    assert count(expression) == len(names)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "a,,b",
        ",",
        "n[",
        "n]",
        "n[]",
        "n[a]",
        "n[2-1]",
        "n[1-]",
        "n[-1]",
        "n[[1-2]]",
        "a b",
        "a/b",
        "{a}",
        "n[1" + "0" * 20 + "]",
    ],
)
def test_unreadable(expression):
    """What is no name range is refused."""
    with pytest.raises(InputError) as caught:
        expand(expression)
    assert caught.value.problems[0].code == "T001"


@pytest.mark.parametrize("expression", ["n[1-99999999999]", "n[1-999]" + "m[1-999]", "n" + "[0-9]" * 18])
def test_too_large(expression):
    """A range that stands for too many names is counted and never made."""
    with pytest.raises(InputError) as caught:
        expand(expression)
    assert caught.value.problems[0].code == "T002"


@pytest.mark.parametrize(
    ("names", "expression"),
    [
        ([], ""),
        (["n1"], "n1"),
        (["r01", "r02", "r03"], "r[01-03]"),
        (["n1", "n2", "n4", "n5"], "n[1-2,4-5]"),
        (["n9", "n10", "n011"], "n[9-10,011]"),
        (["a1x", "a2x", "b"], "a1x,a2x,b"),
        (["a", "a", "a1"], "a,a,a1"),
        (["n1", "n1"], "n[1,1]"),
        (["u1-t01", "u1-t02", "u2-t01"], "u1-t[01-02],u2-t01"),
    ],
)
def test_compress(names, expression):
    """Neighbours with the same text before their last number become a range."""
    assert compress(names) == expression


@given(
    st.lists(
        st.from_regex(r"[a-c]{0,2}[0-9]{0,3}[-a]?[0-9]{1,20}[xy]?|[a-c]{1,3}", fullmatch=True), min_size=1
    )
)
def test_round_trip(names):
    """Compressing and expanding gives the same names in the same order."""
    assert expand(compress(names)) == names


@given(st.integers(0, 1200), st.integers(0, 300), st.integers(1, 4))
def test_round_trip_of_ranges(low, more, width):
    """A plain range survives the round trip and stays short."""
    names = [f"n{number:0{width}d}" for number in range(low, low + more + 1)]
    assert expand(compress(names)) == names
    assert len(compress(names)) <= len("n[]") + 2 * len(names[-1])


@pytest.mark.parametrize(
    "expression", ["$(id)", "a b", "r*", "-n", ".n", "n[1-2]\x1b", "l\u00e4b", "a" * 254]
)
def test_no_names(expression):
    """What a scheduler or a shell could misread is refused as the name of a domain."""
    with pytest.raises(InputError) as caught:
        require_names(expression)
    assert caught.value.problems[0].code == "T001"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [([], True), (["r01", "n-2.x"], True), (["r01", "-n"], False), (["a\nb"], False), (["a", ""], False)],
)
def test_many_words_at_once(words, wanted):
    """They are names if each of them is."""
    assert are_names(words) is wanted
    assert all(map(is_name, words)) is wanted
