"""Tables of records."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.benchmarks.peers.record import Record
    from tests.benchmarks.peers.runner import Outcome

FAMILY_COLUMNS = (
    "instances", "ours/best", "worst", "lost", "gap %", "worst", "optimal %",
    "seconds", "to match", "best tool", "faster", "worst", "all runs", "worst",
)  # fmt: skip
ALL = "all"


def family_table(records: Sequence[Record]) -> Table:
    """One row a family, one for all.

    ``ours/best``: objective over that of the best run of any peer, median and worst. ``gap %``: median
    and worst. ``seconds``: of the whole run; ``to match``: until it was as good as the best peer; ``best
    tool``: of the single run that gave the best result of the peers that search; medians. ``faster``: the
    last over the time until the planner was as good as that run, from 1,000 cells on, median and worst; ``all
    runs``: the same of all runs of that tool, in every setting and with every seed.
    """
    table = _table("family", FAMILY_COLUMNS)
    table.add_column("most often best", no_wrap=True)
    for family in [*dict.fromkeys(record.family for record in records), ALL]:
        chosen = [record for record in records if family in (record.family, ALL)]
        best = Counter(record.best.peer for record in chosen).most_common(1)[0]
        table.add_row(family, *_family_cells(chosen), f"{best[0]} ({best[1]})")
    return table


def _family_cells(records: Sequence[Record]) -> list[str]:
    ratios, gaps = [r.ratio for r in records], [100 * r.gap for r in records]
    speeds = [speed for r in records if (speed := r.speed) is not None]
    of_all = [speed for r in records if (speed := r.speed_of_all) is not None]
    return [
        str(len(records)),
        f"{median(ratios):.4f}",
        f"{max(ratios):.4f}",
        str(sum(r.lost for r in records)),
        f"{median(gaps):.3f}",
        f"{max(gaps):.3f}",
        f"{100 * sum(r.ours.optimal for r in records) / len(records):.0f}",
        f"{median(r.ours.seconds for r in records):.2f}",
        _median(r.matched_s for r in records),
        _median(tool.seconds for r in records if (tool := r.best_tool)),
        _median(speeds, ".1f"),
        f"{min(speeds):.1f}" if speeds else "",
        _median(of_all, ".1f"),
        f"{min(of_all):.1f}" if of_all else "",
    ]


def lost_table(records: Sequence[Record]) -> Table:
    """Instances on which a peer was better."""
    columns = ("cells", "tiers", "ours", "best peer", "ratio", "bound", "its seconds")
    table = _table("better than the planner", columns)
    table.add_column("by")
    for record in sorted(records, key=lambda r: -r.ratio):
        if not record.lost:
            continue
        best = record.best
        table.add_row(
            record.name,
            f"{record.cells:,}",
            str(record.tiers),
            f"{record.ours.value:.6e}",
            f"{best.value:.6e}",
            f"{record.ratio:.5f}",
            f"{record.ours.lower_bound:.6e}",
            f"{best.seconds:.2f}",
            f"{best.peer} {best.setting}, seed {best.seed}",
        )
    return table


def peer_table(records: Sequence[Record]) -> Table:
    """One row a peer: how it compares with the best of all, and how it fares."""
    columns = ("instances", "best of peers", "over bound", "median s", "repaired", "none", "why")
    table = _table("peer", columns)
    for peer in dict.fromkeys(outcome.peer for record in records for outcome in record.peers):
        runs = [(record, [o for o in record.peers if o.peer == peer]) for record in records]
        placed = [(record, tried) for record, tried in runs if any(o.value is not None for o in tried)]
        over = [
            min(o.value for o in tried if o.value is not None) / record.ours.lower_bound
            for record, tried in placed
            if record.ours.lower_bound
        ]
        outcomes = [o for _, tried in runs for o in tried]
        failed = [o for o in outcomes if o.value is None and not o.note.startswith("not applicable")]
        table.add_row(
            peer,
            str(len(placed)),
            str(sum(record.best.peer == peer for record in records)),
            _median(over, ".4f"),
            _median((o.seconds for o in outcomes if o.value is not None), ".3f"),
            str(sum(o.moved > 0 for o in outcomes)),
            str(len(failed)),
            _why(failed),
        )
    return table


def _why(failed: Sequence[Outcome]) -> str:
    """The most frequent reason, with how often it occurred."""
    if not failed:
        return ""
    note, times = Counter(outcome.note for outcome in failed).most_common(1)[0]
    return f"{note} ({times})"


def _median(values: Iterable[float | None], form: str = ".2f") -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):{form}}" if known else ""


def _table(first: str, columns: Iterable[str]) -> Table:
    table = Table(box=box.SIMPLE)
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    return table
