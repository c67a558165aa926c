from __future__ import annotations

from itertools import product
from random import Random

from planner.topology.blocks import blocks
from planner.topology.names import natural


def test_complete_block():
    """Where all are paired with all there is one block."""
    assert blocks(product(["b", "a"], "xy")) == [(["a", "b"], ["x", "y"])]


def test_fewer_blocks():
    """Pairs are grouped from the end that gives fewer blocks, or from the second where that is asked for."""
    pairs = [("a", "x"), ("b", "x"), ("c", "x"), ("c", "y")]
    assert blocks(pairs) == [(["a", "b"], ["x"]), (["c"], ["x", "y"])]
    assert blocks(pairs, by_second=True) == [(["a", "b", "c"], ["x"]), (["c"], ["y"])]


def test_exact():
    """Blocks have each pair once and no other."""
    random = Random(3)
    for size in (1, 10, 40):
        pairs = random.sample(list(product("abcdefg", "stuvwxyz")), size)
        found = [pair for block in blocks(pairs) for pair in product(*block)]
        assert sorted(found) == sorted(pairs)


def test_natural():
    """Numbers are compared as numbers."""
    assert sorted(["n10", "n2", "m3"], key=natural) == ["m3", "n2", "n10"]
