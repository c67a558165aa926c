"""Names and ranges of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from planner.formats.site.naming import Names, in_lines
from planner.topology.names import expand, is_name


@given(st.sets(st.text(max_size=300), max_size=8))
def test_every_word_gets_a_name_of_its_own(words):
    """Whatever it is, and the word itself where that can be one."""
    names = Names(words)
    given = [names[word] for word in words]
    assert all(map(is_name, given))
    assert len(set(given)) == len(words)
    assert all(names[word] == word for word in words if is_name(word))
    assert sorted(names.changed) == sorted(word for word in words if not is_name(word))


@given(st.sets(st.from_regex(r"[a-c][0-9]{1,3}(-[0-9]{1,2}|\.x[0-9])?", fullmatch=True), min_size=1))
def test_ranges_in_lines(names):
    """Together they stand for all names, each once."""
    lines = in_lines(names, longest=30)
    assert sorted(name for line in lines for name in expand(line)) == sorted(names)


def test_lines_are_short():
    """A bracket that is too long is taken apart."""
    lines = in_lines([f"n{number}" for number in range(0, 400, 2)], longest=40)
    assert len(lines) > 10
    assert max(map(len, lines)) <= 45
