"""Axes of pictures: from values to places, and where to put the marks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

STEPS = (1.0, 2.0, 5.0)
ROUNDING = 1e-9


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` onto places from `start` to `end`, evenly or by their logarithm.

    Parameters
    ----------
    low, high
        Values at the two ends; both above 0 where `logarithmic`.
    start, end
        Their places.
    logarithmic
        Whether equal ratios take equal room.
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """Place of a value; values beyond the ends are put at the ends."""
        inside = min(max(value, self.low), self.high)
        share = (self._measure(inside) - self._measure(self.low)) / (
            self._measure(self.high) - self._measure(self.low)
        )
        return self.start + share * (self.end - self.start)

    def _measure(self, value: float) -> float:
        return math.log(value) if self.logarithmic else value

    def ticks(self, most: int) -> list[float]:
        """Round values between the ends, `most` of them or fewer."""
        return self._ratios(most) if self.logarithmic else self._equal_steps(most)

    def _equal_steps(self, most: int) -> list[float]:
        """Multiples of the smallest step of 1, 2 or 5 times a power of ten that gives few enough."""
        power = 10.0 ** math.floor(math.log10((self.high - self.low) / most))
        for step in (power * factor for factor in (*STEPS, 10.0)):
            first, last = math.ceil(self.low / step - ROUNDING), math.floor(self.high / step + ROUNDING)
            if last - first < most:
                break
        return [index * step for index in range(first, last + 1)]

    def _ratios(self, most: int) -> list[float]:
        """1, 2 and 5 times powers of ten; powers alone, or every few of them, where there are too many."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        found = self._inside(10.0**power * factor for power in powers for factor in STEPS)
        if len(found) > most:
            found = self._inside(10.0**power for power in powers)
        return found[:: -(-len(found) // most)] if found else []

    def _inside(self, values: Iterable[float]) -> list[float]:
        low, high = self.low * (1 - ROUNDING), self.high * (1 + ROUNDING)
        return [value for value in values if low <= value <= high]
