"""Output of many hosts in one text."""

from __future__ import annotations

from planner.formats.reading.inside.gathered import lines_by_host, lines_of
from planner.formats.site.site import Source


def _by_host(text):
    return {
        host: [(line.line, line.text) for line in lines]
        for host, lines in lines_by_host(lines_of(Source("x", text)), []).items()
    }


def test_one_host():
    """No line names any, or not every line does."""
    assert _by_host("Legend:\n  X = Self\n") == {}
    assert _by_host("") == {}


def test_prefixes():
    """Lines of several hosts may be mixed; each keeps its number."""
    assert _by_host("a: x\nb.c:  y\n\na:\n") == {"a": [(1, "x"), (4, "")], "b.c": [(2, " y")]}


def test_headings():
    """Between rules, for one host or several that printed the same."""
    assert _by_host("----\na[1-2]\n----\nx\n----\nb\n----\ny") == {
        "a1": [(4, "x")],
        "a2": [(4, "x")],
        "b": [(8, "y")],
    }
