"""Whether a step runs to its end, for people and as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from planner.placement.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.cost.deadlock import Safety

MOST_SHOWN = 5


def safety_document(safety: Safety) -> dict[str, object]:
    """The outcome as plain data."""
    return {
        "ok": safety.ok,
        "operations": safety.operations,
        "findings": [{"code": code, "message": message} for code, message in findings(safety)],
    }


def safety_lines(safety: Safety) -> list[Text]:
    """The outcome for people."""
    if safety.ok:
        count = plural(safety.operations, "operation")
        return [Text(f"a step runs to its end: {count}, no deadlock", style="bold green")]
    found = [*findings(safety)]
    more = len(found) - MOST_SHOWN
    lines = [Text("a step does not run to its end", style="bold red")]
    lines += [Text(f"error[{code}]: {message}") for code, message in found[:MOST_SHOWN]]
    return lines + ([Text(f"and {more} more")] if more > 0 else [])


def findings(safety: Safety) -> Iterator[tuple[str, str]]:
    """Code and sentence of each thing that is amiss."""
    if safety.waits:
        yield "K017", f"deadlock: {safety.story}"
    for sentence in safety.mismatches:
        yield "K018", sentence
