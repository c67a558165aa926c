"""Seconds that the parts of a command took."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stopwatch:
    """Measures named parts; `seconds` holds them in the order in which they ended."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def time(self, part: str) -> Iterator[None]:
        """Measure the body of a ``with`` statement as `part`."""
        start = time.perf_counter()
        yield
        self.seconds[part] = round(time.perf_counter() - start, 4)
