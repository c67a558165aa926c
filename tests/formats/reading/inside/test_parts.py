"""How near devices are to each other."""

from __future__ import annotations

import pytest

from planner.formats.reading.inside.parts import Adapter, Near, between

CPU, HOST, OUTER, INNER = (Near.NODE, 0), (Near.PHB, 1), (Near.PXB, 2), (Near.PXB, 3)


@pytest.mark.parametrize(
    ("a", "b", "near"),
    [
        ([CPU, HOST, OUTER, INNER], [CPU, HOST, OUTER, INNER], Near.PIX),
        ([CPU, HOST, OUTER, INNER], [CPU, HOST, OUTER], Near.PIX),
        ([CPU, HOST, OUTER, INNER], [CPU, HOST, OUTER, (Near.PXB, 9)], Near.PXB),
        ([CPU, HOST, OUTER], [CPU, HOST, (Near.PXB, 9)], Near.PHB),
        ([CPU, HOST], [CPU, HOST], Near.PHB),
        ([CPU, HOST], [CPU, (Near.PHB, 9)], Near.NODE),
        ([CPU], [(Near.NODE, 9)], Near.SYS),
        ([], [], Near.SYS),
    ],
)
def test_between(a, b, near):
    """By the innermost thing around both."""
    assert between(a, b) == between(b, a) == near


def test_nearest():
    """All GPUs at the least distance, and none beyond the processor."""
    assert Adapter("x", near={0: Near.PXB, 1: Near.PIX, 2: Near.PIX}).nearest() == (1, 2)
    assert Adapter("x", near={0: Near.PHB, 1: Near.SYS}).nearest() == ()
    assert Adapter("x").nearest() == ()
