"""What an author calls things: text that shows as what it is."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from planner.source.validation import mistake

LONGEST = 200


def _shown_as_it_is(title: str) -> str:
    """`title`, unless it holds characters that move the cursor, or is no name but a text."""
    if title.isprintable() and len(title) <= LONGEST:
        return title
    raise mistake(
        "V009",
        f"{title[:60]!r} cannot be a name",
        expected=f"at most {LONGEST} characters, all of them printable",
    )


Title = Annotated[str, Field(min_length=1), AfterValidator(_shown_as_it_is)]
"""Name of a cluster, a workload or a model."""
