"""Results of one instance, how they compare, and the file they are kept in."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from planner.files import write_atomic
from tests.benchmarks.peers.runner import ORDERS, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SAME = 1 + 1e-9  # two sums of the same seconds may differ by rounding
SEVERAL = 1000


@dataclass(frozen=True)
class Ours:
    """What the planner found.

    Parameters
    ----------
    value, lower_bound
        Objective ``weighted`` and its certificate, in seconds of uplink time.
    optimal
        Whether it is proven optimal.
    seconds
        Time of the whole run.
    trace
        (seconds since the start, incumbent) of every improvement.
    """

    value: float
    lower_bound: float
    optimal: bool
    seconds: float
    trace: tuple[tuple[float, float], ...]

    def matched_s(self, value: float) -> float | None:
        """When the incumbent was first as good as `value`; None where it never was."""
        return next((at for at, incumbent in self.trace if incumbent <= value * SAME), None)


@dataclass(frozen=True)
class Record:
    """One instance: the planner and every run of every peer."""

    family: str
    number: int
    cells: int
    tiers: int
    ours: Ours
    peers: tuple[Outcome, ...]

    @property
    def name(self) -> str:
        """The instance."""
        return f"{self.family} {self.number}"

    @property
    def best(self) -> Outcome:
        """The best run of any peer; among equals the fastest."""
        return _best(self.peers)

    @property
    def best_tool(self) -> Outcome | None:
        """The best run of the peers that search; None where none gave a placement."""
        found = [outcome for outcome in self.peers if outcome.peer not in ORDERS]
        return _best(found) if any(outcome.value is not None for outcome in found) else None

    @property
    def ratio(self) -> float:
        """Ours / best peer: at most 1 is good. Two placements without traffic are equal."""
        if self.best.value:
            return self.ours.value / self.best.value
        return float("inf") if self.ours.value else 1.0

    @property
    def lost(self) -> bool:
        """Whether a peer was better."""
        return self.ratio > SAME

    @property
    def gap(self) -> float:
        """How far ours may be from the best there is, as a share of the bound."""
        if self.ours.optimal:
            return 0.0
        if not self.ours.lower_bound:
            return float("inf")
        return self.ours.value / self.ours.lower_bound - 1

    @property
    def matched_s(self) -> float | None:
        """When the planner was first as good as the best peer."""
        return self.ours.matched_s(self.best.value or 0.0)

    @property
    def speed(self) -> float | None:
        """Seconds of the best tool's best run / seconds in which the planner was as good.

        0 where it never was; None for small instances, and where no tool gave a placement.
        """
        tool = self.best_tool
        return None if tool is None else self._speed(tool, tool.seconds)

    @property
    def speed_of_all(self) -> float | None:
        """The same of all runs of that tool: nobody knows beforehand which setting and seed will be best."""
        tool = self.best_tool
        if tool is None:
            return None
        return self._speed(tool, sum(each.seconds for each in self.peers if each.peer == tool.peer))

    def _speed(self, tool: Outcome, seconds: float) -> float | None:
        """So many seconds / those in which the planner was as good as a run."""
        if self.cells < SEVERAL:
            return None
        matched = self.ours.matched_s(tool.value or 0.0)
        return seconds / matched if matched else 0.0

    @property
    def below_bound(self) -> list[Outcome]:
        """Runs whose value lies below the planner's bound: there must be none."""
        return [
            outcome
            for outcome in self.peers
            if outcome.value is not None and outcome.value * SAME < self.ours.lower_bound
        ]


def _best(outcomes: Iterable[Outcome]) -> Outcome:
    valid = [outcome for outcome in outcomes if outcome.value is not None]
    return min(valid, key=lambda outcome: (outcome.value, outcome.seconds))


def write_records(records: Iterable[Record], path: Path) -> None:
    """Write all records; an interrupted write leaves the file as it was."""
    write_atomic(path, json.dumps([asdict(record) for record in records], indent=1).encode())


def read_records(path: Path) -> list[Record]:
    """Read what `write_records` wrote; nothing where there is no file."""
    if not path.exists():
        return []
    return [_record(each) for each in json.loads(path.read_text())]


def _record(fields: dict[str, Any]) -> Record:
    ours, peers = fields.pop("ours"), fields.pop("peers")
    trace = tuple((at, value) for at, value in ours.pop("trace"))
    return Record(**fields, ours=Ours(**ours, trace=trace), peers=tuple(Outcome(**each) for each in peers))
