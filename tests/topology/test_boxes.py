from __future__ import annotations

from itertools import product
from random import Random

import pytest

from planner.topology.boxes import boxes, paths, range_of
from planner.topology.names import expand


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["spine"], "spine"),
        (["n3", "n1", "n2"], "n[1-3]"),
        (["n08", "n09", "n10", "n12"], "n[08-10,12]"),
        (["a1-b1", "a1-b2", "a2-b1", "a2-b2"], "a[1-2]-b[1-2]"),
        (["a1-b1", "a1-b2", "a2-b1"], "a1-b[1-2],a2-b1"),
        (["leaf", "spine1"], "leaf,spine1"),
        (["n9", "n10", "n09"], "n[9,09-10]"),
    ],
)
def test_range(names, expected):
    """Names become products of ranges, as few as are found."""
    assert range_of(names) == expected


def test_long_numbers_are_text():
    """Numbers that are too long for a range stand for themselves."""
    names = [f"sw{10**20 + number}" for number in range(3)]
    assert sorted(expand(range_of(names))) == sorted(names)


def test_exact():
    """Whatever the names, the expressions stand for each of them once and for nothing else."""
    random = Random(5)
    every = [f"r{a}-{b:02d}n{c}" for a, b, c in product(range(4), range(8, 13), range(3))]
    for size in (1, 7, 30, 59, 60):
        names = random.sample(every, size)
        assert sorted(name for box in boxes(names) for name in expand(box)) == sorted(names)


def test_paths():
    """Selectors of nodes have one domain each, with all its names behind one slash."""
    assert paths(["u1/a1", "u1/a2", "u1/b", "u2/c1"]) == ["u1/a[1-2],b", "u2/c1"]
    assert paths(["a1", "a2"]) == ["a[1-2]"]
