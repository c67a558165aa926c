"""Stages of a placement: what each holds and takes, and other cuts."""

import json

import pytest

from planner.cost.loads import Cut
from planner.report.stages import runs, stages_text, stages_view
from planner.workload.load import job_of
from planner.workload.memory import memory
from tests.cost.jobs import placed
from tests.report.jobs import text_of, two_racks

FOUR = {"parallelism": {"pp": 4, "dp": 4}, "batch": {"global": 256, "micro": 1, "sequence": 4096}}


def test_the_slowest_stage_and_why():
    """The stage with the head, what its time is made of, and what balanced stages would gain."""
    view = stages_view(placed(**FOUR))
    text = text_of(stages_text(view), width=140)
    assert view.slowest == 3
    assert sum(view.parts.values()) == pytest.approx(view.stages[3].seconds)
    assert "slowest is stage 3 (8 layers, head): " in text
    assert "embedding and head" in text
    assert "stages: balanced would make the slowest one" in text
    assert "1 to 2" not in text  # Memory differs.


def test_cuts_beside_each_other():
    """The even cut is the one at hand; the balanced one has a faster slowest stage."""
    view = stages_view(placed(**FOUR))
    assert view.cuts["placed"] == view.cuts["even"]
    assert view.cuts["balanced"].slowest_s < view.cuts["even"].slowest_s
    assert view.cuts["balanced"].step_s < view.cuts["even"].step_s
    assert "placed, even" in text_of(stages_text(view), width=140)
    pinned = stages_view(placed(**FOUR, stages=list(view.cuts["balanced"].layers)))
    assert pinned.is_best
    assert pinned.cuts["even"] == view.cuts["even"]
    assert "no cut that fits in memory has a faster slowest stage" in text_of(stages_text(pinned), width=140)


@pytest.mark.parametrize("found", [True, False], ids=["found", "none found"])
def test_what_is_not_proven_is_not_said(found, monkeypatch):
    """Of a cut whose search was cut short, only that none better was found; the document says so too."""
    cut = Cut((8, 8, 8, 8) if found else None, proven=False)
    monkeypatch.setattr("planner.report.stages.cut_layers", lambda _: cut)
    view = stages_view(placed(**FOUR))
    said = (
        "no cut was found that fits in memory and has a"
        if found
        else "no cut of the layers was found that fits"
    )
    assert said in text_of(stages_text(view), width=140)
    assert view.document()["balanced_proven"] is False


def test_memory_is_that_of_the_stages():
    """Against what a GPU has; the fullest is named."""
    placement = placed(**FOUR)
    view = stages_view(placement)
    needs = [stage.total for stage in memory(job_of(placement.workload))]
    assert [stage.memory_bytes for stage in view.stages] == pytest.approx(needs)
    assert needs[view.fullest] == max(needs)
    assert f"fullest is stage {view.fullest}" in text_of(stages_text(view), width=140)
    assert "of 80 GB a GPU" in text_of(stages_text(view), width=140)


def test_chunks_of_virtual_stages():
    """Layers of each chunk of a stage; stages alike share a line."""
    view = stages_view(placed(parallelism={"pp": 4, "vp": 2, "dp": 4}, batch=FOUR["batch"]))
    assert [stage.layers for stage in view.stages] == [(4, 4)] * 4
    assert "4 + 4 + embedding" in text_of(stages_text(view), width=140)


def test_document_is_json():
    """The same facts as plain data."""
    document = stages_view(placed(**FOUR)).document()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["balanced_proven"] is True
    assert {"slowest", "fullest", "cuts", "stages", "gpu_memory_bytes"} <= set(document)
    assert document["cuts"]["even"]["layers"] == [8, 8, 8, 8]


def test_one_stage_has_no_other_cut():
    """Nothing is said of cuts."""
    text = text_of(stages_text(stages_view(placed(parallelism={"dp": 16}, batch=FOUR["batch"]))), width=140)
    assert "slowest is stage 0 (32 layers, embedding, head)" in text
    assert "balanced" not in text


def test_nothing_is_known_of_bare_traffic():
    """Without a model there is nothing to say."""
    assert stages_view(two_racks()) is None


@pytest.mark.parametrize(
    ("layers", "text"), [((7, 8, 8, 8, 7), "7, 8 x 3, 7"), ((4,), "4"), ((1, 1), "1 x 2")]
)
def test_runs(layers, text):
    """Equal numbers in a row once."""
    assert runs(layers) == text
