"""Who looks after work that takes a while: ends it early, and hears how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator

    # Told what is gone through, how much of it is done, and how much there is, where that is known.
    Told = Callable[[str, int, int | None], None]

T = TypeVar("T")

# From one time that somebody is told to the next.
TOLD_SECONDS = 0.1


class StoppedError(Exception):
    """What was being made was told to end before there was any of it."""


@dataclass(frozen=True, eq=False)
class Watch:
    """Looks after loops.

    Parameters
    ----------
    stop
        Ends what is being made, once set.
    told
        Hears how far it has come.
    """

    stop: threading.Event | None = None
    told: Told | None = None

    def over(self, what: str, each: Iterable[T], most: int | None = None) -> Iterator[T]:
        """One after the other; raises `StoppedError` once `stop` is set."""
        due_s = 0.0
        for number, one in enumerate(each):
            if self.stop is not None and self.stop.is_set():
                raise StoppedError
            if self.told is not None and (now := monotonic()) >= due_s:
                self.told(what, number, most)
                due_s = now + TOLD_SECONDS
            yield one


UNWATCHED = Watch()
