"""The benchmark against peers: which instances it solves, and what it keeps."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.benchmarks import against_peers
from tests.benchmarks.against_peers import chosen, parser, report, run
from tests.benchmarks.peers.record import Ours, read_records
from tests.benchmarks.peers.runner import Outcome

SMALL = ["--family", "small", "--max-cells", "16"]
PEER = Outcome("Peer", "", 0, 20.0, 0.5)


@pytest.fixture
def calls(monkeypatch):
    """Names of the solved instances and of those given to peers; neither takes any time."""
    made = {"solved": [], "peers": []}

    def solved(instance, time_limit_s):
        made["solved"].append(instance.name)
        value = 18.0 + len(made["solved"])
        return Ours(value, 10.0, optimal=False, seconds=1.0, trace=((0.5, value),))

    def asked(instance, folder, **limits):
        made["peers"].append(instance.name)
        return iter([PEER])

    monkeypatch.setattr(against_peers, "solve_ours", solved)
    monkeypatch.setattr(against_peers, "run_peers", asked)
    return made


def compare(*options):
    """Records of one call of the command, without its tables."""
    return run(parser().parse_args([*SMALL, *map(str, options)]), Console(file=io.StringIO()))


def test_chosen():
    """Instances of the families and sizes asked for, the smallest first."""
    found = chosen(parser().parse_args(["--family", "small", "--family", "two tiers", "--max-cells", "64"]))
    assert {each.family.name for each in found} == {"small", "two tiers"}
    cells = [each.cells for each in found]
    assert cells == sorted(cells)
    assert max(cells) <= 64


def test_resume(calls, tmp_path):
    """Instances that are in the file are not solved again."""
    path = tmp_path / "results.json"
    first = compare("--json", path)
    assert len(calls["solved"]) == len(first) == 3
    assert compare("--json", path, "--resume") == first
    assert len(calls["solved"]) == 3


def test_interrupted(calls, tmp_path, monkeypatch):
    """What was done before an interrupt is kept, and the rest is done by the next call."""
    path = tmp_path / "results.json"
    solved = against_peers.solve_ours

    def stopped(instance, time_limit_s):
        if len(calls["solved"]) == 2:
            raise KeyboardInterrupt
        return solved(instance, time_limit_s)

    monkeypatch.setattr(against_peers, "solve_ours", stopped)
    with pytest.raises(KeyboardInterrupt):
        compare("--json", path)
    assert len(read_records(path)) == 2
    monkeypatch.setattr(against_peers, "solve_ours", solved)
    assert len(compare("--json", path, "--resume")) == 3
    assert len(calls["solved"]) == 3


def test_keep_peers(calls, tmp_path):
    """The planner solves anew, the peers' runs stay."""
    path = tmp_path / "results.json"
    first = compare("--json", path)
    second = compare("--json", path, "--keep-peers")
    assert (len(calls["solved"]), len(calls["peers"])) == (6, 3)
    assert [record.peers for record in second] == [record.peers for record in first]
    assert [record.ours.value for record in read_records(path)] == [22.0, 23.0, 24.0]


def test_without_a_file_everything_is_new(calls, tmp_path):
    """Without --resume an older file is replaced."""
    path = tmp_path / "results.json"
    compare("--json", path)
    compare("--json", path)
    assert len(calls["peers"]) == 6
    assert len(read_records(path)) == 3


def test_wrong_bound(calls):
    """A peer below the planner's bound makes the benchmark fail, and is named."""
    output = io.StringIO()
    records = compare()
    assert report(records, Console(file=output, width=200)) == 0
    better = [against_peers.Record("one", 0, 9, 1, records[0].ours, (Outcome("Peer", "best", 2, 9.0, 0.5),))]
    assert report(better, Console(file=output, width=200)) == 1
    assert "one 0: the bound 10.0 is wrong: Peer best, seed 2 reached 9.0" in output.getvalue()
