"""What a search keeps for the next one."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from planner.errors import InputError
from planner.strategy.measure import Measured
from planner.strategy.record import RecordFile, asked_of
from planner.strategy.search import search
from tests.strategy.questions import MOE, OUTLINE, QUESTION

ASKED = asked_of(QUESTION, OUTLINE, "lab")


class Counting:
    """A pool that counts what it is asked for."""

    def __init__(self, pool):
        self.pool, self.counted = pool, 0

    def measure(self, candidates):
        """Pass them on."""
        self.counted += len(candidates)
        return self.pool.measure(candidates)


def test_goes_on_where_it_was_stopped(tmp_path):
    """Nothing is simulated twice, and the answer is that of a search in one piece."""
    from planner.strategy.pool import LocalPool

    stop, path = threading.Event(), tmp_path / "record.json"
    whole = search(QUESTION, OUTLINE)
    record = RecordFile(path, ASKED)
    cut_off = search(QUESTION, OUTLINE, record=record, stop=stop, progress=lambda *_: stop.set())
    record.write()
    pool = Counting(LocalPool(QUESTION, OUTLINE))
    answer = search(QUESTION, OUTLINE, record=RecordFile(path, ASKED), pool=pool)
    assert 0 < cut_off.simulated < whole.simulated
    assert pool.counted == whole.simulated - cut_off.simulated
    assert [each.step_s for each in answer.best] == [each.step_s for each in whole.best]


def written(path):
    """A file of a search with one measurement."""
    record = RecordFile(path, ASKED)
    record.add({3: Measured(1.5, 2e9)})
    record.write()
    return path


def test_reads_what_it_wrote(tmp_path):
    """To the last bit."""
    assert RecordFile(written(tmp_path / "r"), ASKED).measured == {3: Measured(1.5, 2e9)}


@pytest.mark.parametrize(
    ("question", "outline", "topology", "part"),
    [
        (replace(QUESTION, model=MOE), OUTLINE, "lab", "model"),
        (replace(QUESTION, global_batch=64), OUTLINE, "lab", "batch"),
        (replace(QUESTION, pinned=(("tp", "2"),)), OUTLINE, "lab", "set"),
        (QUESTION, replace(OUTLINE, scale_up_bytes_per_s=1e9), "lab", "topology"),
        (QUESTION, OUTLINE, "other", "topology"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_of_another_search(tmp_path, question, outline, topology, part):
    """Refused, with the part that differs."""
    path = written(tmp_path / "r")
    with pytest.raises(InputError, match=f"its {part} is") as raised:
        RecordFile(path, asked_of(question, outline, topology))
    assert raised.value.problems[0].code == "Q002"


def test_of_another_version(tmp_path, monkeypatch):
    """Refused: it might predict something else."""
    path = written(tmp_path / "r")
    monkeypatch.setattr("planner.strategy.record.__version__", "99")
    with pytest.raises(InputError, match="its version is"):
        RecordFile(path, asked_of(QUESTION, OUTLINE, "lab"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "planner-search"}', "\x00", "[" * 100_000])
def test_no_file_of_a_search(tmp_path, text):
    """Refused, whatever it is, and left as it was."""
    path = tmp_path / "r"
    path.write_text(text)
    with pytest.raises(InputError) as raised:
        RecordFile(path, ASKED)
    assert raised.value.problems[0].code == "Q001"
    assert path.read_text() == text


def test_changed_by_hand(tmp_path):
    """A step that was never simulated is noticed."""
    path = written(tmp_path / "r")
    content = json.loads(path.read_text())
    content["measured"][0][1] = 0.5
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="changed after") as raised:
        RecordFile(path, ASKED)
    assert raised.value.problems[0].code == "Q003"
