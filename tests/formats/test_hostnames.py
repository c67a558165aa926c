"""Whether two names mean the same host."""

from __future__ import annotations

import pytest

from planner.formats.hostnames import may_be_one


@pytest.mark.parametrize(
    ("name", "other", "one"),
    [
        ("n1", "N1", True),
        ("n1", "n1.rack.example", True),
        ("N1.A", "n1.a", True),
        ("n1.a", "n1.b", False),
        ("n1", "n10", False),
        ("n1", "n10.a", False),
    ],
)
def test_may_be_one(name, other, one):
    """A domain may be left out of one of them, and capitals mean nothing, whichever comes first."""
    assert may_be_one(name, other) is one
    assert may_be_one(other, name) is one
