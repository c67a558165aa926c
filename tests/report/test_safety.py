"""Whether a step runs to its end, as people and scripts read it."""

from __future__ import annotations

from planner.cost.deadlock import Safety
from planner.cost.operations import Kind, Operation
from planner.report.safety import safety_document, safety_lines

WAITS = (
    Operation(Kind.SEND_OUTPUT, 0, 0, 1, peer=1),
    Operation(Kind.SEND_GRADIENT, 1, 0, 0, peer=0),
)


def test_all_is_well():
    """How much was run."""
    [line] = safety_lines(Safety(2304))
    assert "2,304 operations, no deadlock" in line.plain
    assert safety_document(Safety(2304)) == {"ok": True, "operations": 2304, "findings": []}


def test_what_is_amiss():
    """The circle first, then the pairs, of which the first few are shown."""
    safety = Safety(10, WAITS, in_a_circle=True, mismatches=tuple(f"pair {number}" for number in range(8)))
    lines = [line.plain for line in safety_lines(safety)]
    assert lines[1].startswith("error[K017]: deadlock: stage 0 waits to send")
    assert lines[2] == "error[K018]: pair 0"
    assert lines[-1] == "and 4 more"
    codes = [each["code"] for each in safety_document(safety)["findings"]]
    assert codes == ["K017"] + ["K018"] * 8
