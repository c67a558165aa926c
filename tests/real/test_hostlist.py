"""Name ranges, against the host lists that Slurm's users expand."""

from __future__ import annotations

import pytest

from planner.topology.names import compress, expand
from tests.real.other import ask

pytestmark = pytest.mark.real

EXPRESSIONS = [
    "r01",
    "r[1-3]",
    "r[01-12]",
    "n[8-11]",
    "n[1-4,7,09-10]",
    "a[1-2]b[01-02]",
    "x[1-2],y3",
    "t[001-100]",
]
SCRIPT = """
import hostlist, json, sys
print(json.dumps([hostlist.expand_hostlist(text) for text in json.load(sys.stdin)]))
"""


def test_expand():
    """The same names in the same order."""
    assert [expand(text) for text in EXPRESSIONS] == ask(SCRIPT, EXPRESSIONS)


def test_compress():
    """What we shorten, they expand to the same names."""
    names = [expand(text) for text in EXPRESSIONS]
    assert ask(SCRIPT, [compress(each) for each in names]) == names
