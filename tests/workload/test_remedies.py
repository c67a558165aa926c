"""Changes that make a job fit."""

import pytest

from planner.source import parse_document, validate
from planner.workload.architecture import load_architecture
from planner.workload.defaults import resolved, to_job
from planner.workload.memory import memory
from planner.workload.remedies import remedies
from planner.workload.schema import WorkloadFile

TEXT = """\
format_version: 1
name: mine
model: llama-3.1-8b
parallelism: {{tp: 2, dp: 8}}
batch: {{global: 32, micro: {micro}, sequence: 8192}}
data_parallel: {mode}
recompute: {recompute}
"""


def resolved_file(micro=1, mode="distributed_optimizer", recompute="full"):
    """A resolved workload that says little else."""
    text = TEXT.format(micro=micro, mode=mode, recompute=recompute)
    file = validate(parse_document(text), WorkloadFile)
    return resolved(file.model_copy(update={"model": load_architecture("llama-3.1-8b")}))


def needed(file):
    """Bytes that the fullest stage needs."""
    return max(stage.total for stage in memory(to_job(file)))


@pytest.mark.parametrize(
    ("file", "first"),
    [
        (resolved_file(mode="ddp"), "data_parallel: distributed_optimizer"),
        (resolved_file(micro=4), "batch: {micro: 2}"),
        (resolved_file(recompute="none"), "recompute: selective"),
        (resolved_file(), "parallelism: {pp: 2, dp: 4}"),
    ],
)
def test_first_remedy(file, first):
    """What costs least is named first, if just a little is missing."""
    assert next(remedies(file, needed(file) * 0.99)).startswith(first)


def test_nothing_that_does_not_fit_is_named():
    """Every remedy is recomputed: none helps where next to nothing is there."""
    assert list(remedies(resolved_file(), 1e6)) == []


def test_all_remedies_are_below_what_there_is():
    """Those named say what they need, and it is less than what there is."""
    file = resolved_file(recompute="none")
    said = list(remedies(file, needed(file) * 0.7))
    assert said
    assert all("GB a GPU" in text for text in said)


def test_remedies_obey_the_other_rules():
    """ep is not raised for a model without experts, nor tp beyond its heads."""
    file = resolved_file()
    assert not [text for text in remedies(file, needed(file)) if text.startswith("parallelism: {ep")]
