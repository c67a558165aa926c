"""Incumbent and bound over time, as data and as a picture."""

from __future__ import annotations

import itertools
import json
from xml.etree import ElementTree

import pytest

from planner.placement.placement import Objective
from planner.report.curve import curve_svg
from planner.report.trace import trace_document, trace_file, trace_points
from planner.solve import solve
from planner.solve.setup.result import Progress, Result
from tests.builders import grid_workload, ragged_cluster
from tests.report.jobs import two_racks

SVG = "{http://www.w3.org/2000/svg}"
IMPROVING = (
    Progress(0.01, float("inf"), 0.0, "start"),
    Progress(0.05, 0.02, 0.0, "megatron"),
    Progress(0.5, 0.02, 0.003, "bound"),
    Progress(2.0, 0.004, 0.003, "construct"),
)


def finished(trace=IMPROVING, **options):
    """A run of four seconds with this trace, whose placement is the two-rack job's."""
    return Result(two_racks(bound=0.75, **options), trace, 4.0)


def test_document():
    """Every point, then the end with the claims; what is unknown is null."""
    document = json.loads(trace_file(finished(), ".json"))
    assert document["objective_name"] == "weighted"
    assert document["unit"] == "s"
    first, *_, last = document["points"]
    assert first == {"elapsed_s": 0.01, "objective": None, "lower_bound": 0.0, "gap": None, "phase": "start"}
    assert (last["elapsed_s"], last["phase"], last["gap"]) == (4.0, "end", pytest.approx(1 / 3))
    assert trace_document(finished(objective=Objective.CROSS_NODE))["unit"] == "bytes"


def parsed(trace, **options):
    """The picture as a tree."""
    result = finished(trace, **options)
    return ElementTree.fromstring(curve_svg(result.placement, trace_points(result)))


def corners(tree, kind):
    """Corners of the line or area of one class, the legend's left out."""
    *_, path = [each for each in tree.iter(f"{SVG}path") if each.get("class") == kind]
    return [tuple(map(float, pair.split())) for pair in path.get("d").strip("MZ").split("L")]


def test_lines_are_steps():
    """The incumbent falls and the bound rises, each level until the next point."""
    tree = parsed(IMPROVING)
    for kind, direction in (("value", 1), ("bound", -1)):
        line = corners(tree, kind)
        assert all(x0 == x1 or y0 == y1 for (x0, y0), (x1, y1) in itertools.pairwise(line))
        heights = [direction * y for _, y in line]
        assert heights == sorted(heights)
    assert len(corners(tree, "gap")) == 2 * len(corners(tree, "value"))
    assert corners(tree, "bound")[0][0] > corners(tree, "value")[0][0], "no line before a bound is known"


def test_axes_have_units():
    """What is shown, since when, and marks with their units."""
    texts = [element.text for element in parsed(IMPROVING).iter(f"{SVG}text")]
    assert "time since the start of the run (log scale)" in texts
    assert "weighted: uplink time of a step (log scale)" in texts
    assert {"100 ms", "1 s", "10 ms"} <= set(texts)


def test_points_tell_what_they_are():
    """Those with an incumbent, phase and values included."""
    told = [element.text for element in parsed(IMPROVING).iter(f"{SVG}title")]
    assert len(told) == 4
    assert told[1] == "500 ms, bound: 20 ms, bound 3 ms, gap 567 %"


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_a_single_point_can_be_drawn(value):
    """Also where the objective is 0 from the start."""
    tree = parsed((Progress(0.0, value, value, "megatron"),), objective=Objective.CROSS_NODE)
    assert all(68 <= y <= 372 for _, y in corners(tree, "value"))


def test_names_are_quoted():
    """Names with angle brackets stay text."""
    result = finished()
    object.__setattr__(result.placement.workload, "name", 'a<b> & "c"')
    tree = ElementTree.fromstring(curve_svg(result.placement, trace_points(result)))
    assert tree.get("aria-label").startswith('a<b> & "c" on test')


@pytest.mark.parametrize("objective", list(Objective))
def test_a_run_never_gets_worse(objective):
    """Values never rise and bounds never fall along a trace, up to the claims at its end."""
    cluster = ragged_cluster([[5, 3, 4], [4, 5, 4]], uplinks=(50e9, 100e9))
    families = [("dp", "all_reduce", 5e6), ("pp", "path", 2e6)]
    workload = grid_workload(dp=5, pp=4, families=families)
    result = solve(cluster, workload, objective=objective, time_limit_s=0.5, workers=1)
    points = trace_points(result)
    assert len(points) > 2
    for before, after in itertools.pairwise(points):
        assert before.elapsed_s <= after.elapsed_s
        assert after.value <= before.value
        assert after.lower_bound >= before.lower_bound * (1 - 1e-9)
        assert after.lower_bound <= after.value
