"""How stages post what they send and receive."""

from __future__ import annotations

from enum import StrEnum


class Posting(StrEnum):
    """How a stage posts its transfers.

    ``streams``: without waiting, by the common clock, on a stream of their own beside that of the
    passes; ``together``: between two passes what the first gives with what the second needs, as one
    group that is waited for; ``apart``: as together, but one after another, sends first.
    """

    STREAMS = "streams"
    TOGETHER = "together"
    APART = "apart"
