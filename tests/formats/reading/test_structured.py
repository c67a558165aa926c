"""JSON and YAML of others."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.formats.reading.structured import (
    Places,
    documents,
    mapping,
    recognised_documents,
    sequence,
    word,
)
from planner.formats.site.site import Source


def test_documents():
    """One or several, JSON or YAML, keys given twice and all."""
    for text, found in (
        ('{"a": 1}', [{"a": 1}]),
        ('{"a": 1}\n{"b": 2}\n', [{"a": 1}, {"b": 2}]),
        ("a: 1\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("{a: 1}", [{"a": 1}]),
        ("a: 1\na: 2\n", [{"a": 1}]),
        ("[1, 2]", [[1, 2]]),
    ):
        assert documents(Source("x", text)) == found


@pytest.mark.parametrize(
    "text",
    ['{"a": ', "[" * 100_000, '{"a": ' + "9" * 5000 + "}", "a: [", "a: &x 1\nb: *x", "a: !!python/x y", "\0"],
)
def test_what_is_neither(text):
    """An error with a place; and nothing at all for those who only want to know what it is."""
    with pytest.raises(InputError, match="I019") as caught:
        documents(Source("x", text))
    assert caught.value.problems[0].position is not None
    assert recognised_documents(Source("x", text)) == []


def test_places():
    """Of names as values of keys first, else of the word wherever it stands."""
    source = Source("x", '{"label": "n1",\n "name": "n1", "zone":\n "z"}')
    places = Places(source)
    assert (places.of("n1").line, places.of("n1").column) == (2, 11)
    assert (places.of("z").line, places.of("z").column) == (3, 3)
    assert places.of("n") is None
    assert places.of(None) is None


def test_places_in_several_texts():
    """The first text that has the name, and never a drawing in a comment."""
    places = Places(Source("a", "# n1 -- n2\nnodes: [n1]"), Source("b", "name: n2"))
    assert [(place.file, place.line, place.column) for place in map(places.of, ("n1", "n2"))] == [
        ("a", 2, 9),
        ("b", 1, 7),
    ]


def test_values_of_the_wrong_type():
    """Are as good as absent."""
    assert mapping([1]) == mapping(None) == {}
    assert mapping({1: 2}) == {"1": 2}
    assert sequence({}) == []
    assert [word(value) for value in ("a ", 7, "", None, True, 1.5, [])] == [
        "a",
        "7",
        None,
        None,
        None,
        None,
        None,
    ]
