from __future__ import annotations

import json

import pytest

from planner.formats.reading.truncated import completed

WHOLE = '{"a": [1, {"b": "x, ]\\"}", "c": null}, [2, 3]], "d": {"e": 4.5}}'


def test_cut_anywhere():
    """Wherever JSON is cut, what is completed is JSON, and holds nothing that the whole does not."""
    for end in range(1, len(WHOLE)):
        part = json.loads(completed(WHOLE[:end]))
        assert part.keys() <= {"a", "d"}
        assert part.get("a", [])[:1] in ([], [1])


def test_keeps_what_is_complete():
    """What was finished before the cut stays."""
    assert json.loads(completed(WHOLE[: WHOLE.index(', "d"')])) == {"a": json.loads(WHOLE)["a"]}


@pytest.mark.parametrize("text", [WHOLE, "", "no JSON", "]]"])
def test_left_alone(text):
    """What is whole, or no JSON at all, stays as it is."""
    assert completed(text) == text
