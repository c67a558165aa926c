"""Records and tables, on made-up results."""

from __future__ import annotations

import pytest
from rich.console import Console

from tests.benchmarks.peers.record import Ours, Record, read_records, write_records
from tests.benchmarks.peers.runner import Outcome
from tests.benchmarks.peers.tables import family_table, lost_table, peer_table

ORDER = Outcome("axis orders", "dp-pp", 0, 30.0, 0.001)
SLOW = Outcome("Slow", "best", 1, 20.0, 6.0, moved=2)
FAST = Outcome("Fast", "default", 0, 25.0, 0.5)
NONE = Outcome("Slow", "default", 0, None, 60.0, note="over 60 s")
ABSENT = Outcome("Gone", "", 0, None, 0.0, note="not installed: gone")


def record(family="one", number=0, cells=1000, *, value=18.0, bound=16.0, peers=(ORDER, SLOW, FAST, NONE)):
    """A record of a run that was as good as 30 after 0.1 s, as 20 after 0.5 s."""
    trace = ((0.1, 30.0), (0.5, max(20.0, value)), (2.0, value))
    return Record(family, number, cells, 1, Ours(value, bound, value == bound, 3.0, trace), tuple(peers))


def printed(table):
    """Cells of every row."""
    console = Console(width=250, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    with console.file:
        console.print(table)
    lines = [line for line in console.export_text().splitlines() if line.strip()]
    return [[cell for cell in line.split("  ") if cell.strip()] for line in lines[2:]]


class TestRecord:
    """What a record says."""

    def test_ratio(self):
        """Ours over the best run of any peer."""
        assert record().best is SLOW
        assert record().ratio == pytest.approx(0.9)
        assert not record().lost
        assert record(value=21.0).lost

    def test_equal_runs(self):
        """Of equal runs the fastest is the best; orders do not count as tools."""
        quick = Outcome("Quick", "", 0, 20.0, 0.2)
        assert record(peers=(SLOW, quick)).best is quick
        assert record(peers=(ORDER, FAST)).best_tool is FAST
        assert record(peers=(ORDER, NONE)).best_tool is None

    def test_speed(self):
        """Time of the best tool's best run over the time until ours was as good; 0 where never."""
        assert record().speed == pytest.approx(12.0)
        assert record(value=21.0).speed == 0.0
        assert record(cells=999).speed is None
        assert record(peers=(ORDER,)).speed is None

    def test_speed_of_all(self):
        """Time of all runs of the best tool, also of those that found nothing, over the same time."""
        assert record().speed_of_all == pytest.approx(132.0)
        assert record(value=21.0).speed_of_all == 0.0
        assert record(cells=999).speed_of_all is None
        assert record(peers=(ORDER,)).speed_of_all is None

    def test_gap(self):
        """(value - bound) / bound; 0 once proven."""
        assert record().gap == pytest.approx(0.125)
        assert record(bound=18.0).gap == 0.0
        assert record(bound=0.0).gap == float("inf")

    def test_below_bound(self):
        """Runs that are better than the bound allows are found; those without a value are not."""
        assert record().below_bound == []
        assert record(bound=22.0, value=26.0).below_bound == [SLOW]

    def test_no_traffic(self):
        """Where the best peer has no traffic, ours equals it with none and loses with any."""
        still = Outcome("Fast", "", 0, 0.0, 0.5)
        assert record(value=0.0, bound=0.0, peers=(still,)).ratio == 1.0
        assert record(value=1e-12, peers=(still,)).lost

    def test_file(self, tmp_path):
        """Records are read as they were written; a file that is not there holds none."""
        path = tmp_path / "results.json"
        assert read_records(path) == []
        write_records([record(), record("two")], path)
        assert read_records(path) == [record(), record("two")]


class TestTables:
    """The tables."""

    def test_families(self):
        """Medians and worst of a family, then of all."""
        records = [record(), record(number=1, value=16.0), record(number=2, value=24.0), record("two")]
        rows = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in printed(family_table(records))}
        assert rows["one"][:6] == ["3", "0.9000", "1.2000", "1", "12.500", "50.000"]
        assert rows["one"][6:8] == ["33", "3.00"]
        assert rows["one"][-5:] == ["12.0", "0.0", "132.0", "0.0", "Slow (3)"]
        assert rows["all"][0] == "4"

    def test_lost(self):
        """Only instances on which a peer was better, with its run."""
        rows = printed(lost_table([record(), record(number=2, value=24.0)]))
        assert [row[0].strip() for row in rows] == ["one 2"]
        assert rows[0][-1].strip() == "Slow best, seed 1"

    def test_peers(self):
        """A peer that is not installed is named, with the reason."""
        rows = {
            row[0].strip(): [cell.strip() for cell in row[1:]]
            for row in printed(peer_table([record(peers=(*record().peers, ABSENT))]))
        }
        assert rows["Slow"] == ["1", "1", "1.2500", "6.000", "1", "1", "over 60 s (1)"]
        assert rows["Gone"][-1] == "not installed: gone (1)"
