"""What a workload file leaves unsaid."""

import pytest

from planner.errors import InternalError
from planner.source import parse_document, validate
from planner.workload.defaults import resolved, to_job, to_mesh
from planner.workload.schema import WorkloadFile

OUTRIGHT = """\
format_version: 1
name: outright
parallelism: {dp: 2, pp: 2}
traffic: {dp: {kind: all_reduce, bytes: 1}}
"""


def file_of(text):
    """A validated file."""
    return validate(parse_document(text), WorkloadFile)


def test_traffic_has_no_defaults_of_a_model():
    """Precision and the like stay unsaid where they have no effect."""
    file = resolved(file_of(OUTRIGHT))
    assert (file.precision, file.gradients, file.schedule) == (None, None, None)


def test_resolving_twice_changes_nothing():
    """A resolved file is its own resolution."""
    once = resolved(file_of(OUTRIGHT + "rank_order: pp-dp\n"))
    assert resolved(once) == once
    assert to_mesh(once).rank_order == ("pp", "dp", "tp", "cp", "ep")


def test_no_job_without_a_model():
    """Asking for the job of given traffic is our own mistake."""
    with pytest.raises(InternalError):
        to_job(resolved(file_of(OUTRIGHT)))
