"""Speeds of InfiniBand: what a lane carries, by the name that all tools have for it."""

from __future__ import annotations

GIGABIT = 1e9 / 8
"""Bytes a second of 1 Gb/s."""
LANE_GIGABITS = {
    "SDR": 2.0,
    "DDR": 4.0,
    "QDR": 8.0,
    "FDR10": 10.0,
    "FDR": 13.64,
    "EDR": 25.0,
    "HDR": 50.0,
    "NDR": 100.0,
    "XDR": 200.0,
}
"""Data rate of one lane, by the name of its speed."""
