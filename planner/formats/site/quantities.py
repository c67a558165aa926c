"""Bandwidths as text that reads back as the same number."""

from __future__ import annotations

from functools import lru_cache

from planner.units import parse_bandwidth

CLOSE = 1e-9

_BYTES = (("GB/s", 1e9), ("TB/s", 1e12), ("PB/s", 1e15), ("MB/s", 1e6), ("kB/s", 1e3), ("B/s", 1.0))
_BITS = (("Gb/s", 1.25e8), ("Tb/s", 1.25e11), ("Mb/s", 1.25e5))


@lru_cache(maxsize=1024)
def bandwidth(bytes_per_s: float, *, bits: bool = False) -> str:
    """`bytes_per_s` in the unit that needs fewest digits; network cards are counted in bits."""
    for units in (_BITS, _BYTES) if bits else (_BYTES, _BITS):
        texts = [f"{bytes_per_s / size:.10g} {unit}" for unit, size in units]
        same = [text for text in texts if "e" not in text and _reads_as(text, bytes_per_s)]
        if same:
            return min(same, key=len)
    return f"{bytes_per_s!r} B/s"


def _reads_as(text: str, bytes_per_s: float) -> bool:
    return abs(parse_bandwidth(text) - bytes_per_s) <= CLOSE * bytes_per_s
