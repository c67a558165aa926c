"""Families from payloads given outright."""

import pytest

from planner.workload.family import Kind
from planner.workload.load import build_workload


def workload(parallelism, traffic, **more):
    """A workload of given traffic."""
    return build_workload(
        {"format_version": 1, "name": "t", "parallelism": parallelism, "traffic": traffic} | more
    )


def test_p2p_on_the_pipeline_is_a_path():
    """A path has one payload a boundary."""
    [family] = workload({"pp": 4}, {"pp": {"kind": "p2p", "bytes": 3}}).families
    assert (family.kind, family.payload_bytes, family.axes) == (Kind.PATH, (3, 3, 3), ("pp",))


def test_p2p_with_virtual_stages_is_a_ring():
    """A ring also joins last and first."""
    [family] = workload({"pp": 4, "vp": 2}, {"pp": {"kind": "p2p", "bytes": 3}}).families
    assert (family.kind, family.payload_bytes) == (Kind.RING, (3, 3, 3, 3))


def test_p2p_on_another_axis_is_a_path():
    """Virtual stages matter on the pipeline axis alone."""
    [family] = workload({"dp": 4, "vp": 2}, {"dp": {"kind": "p2p", "bytes": 3}}).families
    assert (family.kind, family.payload_bytes) == (Kind.PATH, (3,))


def test_collective_on_the_pipeline_has_one_payload():
    """An all-reduce over stages is one group of all of them."""
    [family] = workload({"pp": 4}, {"pp": {"kind": "all_reduce", "bytes": 3}}).families
    assert family.payload_bytes == (3,)


def test_one_payload_a_stage():
    """A list gives every stage its own."""
    [family] = workload({"pp": 3, "dp": 2}, {"dp": {"kind": "all_reduce", "bytes": [1, "2 kB", 3]}}).families
    assert family.payload_bytes == (1, 2000, 3)


def test_same_payload_for_all_stages():
    """A number holds for each stage."""
    [family] = workload({"pp": 3, "dp": 2}, {"dp": {"kind": "all_reduce", "bytes": "1 KiB"}}).families
    assert family.payload_bytes == (1024, 1024, 1024)


def test_several_families_of_one_axis():
    """A list of families, each with a name of its own."""
    entries = [
        {"kind": "reduce_scatter", "bytes": 1},
        {"kind": "all_gather", "bytes": 2},
        {"kind": "all_gather", "bytes": 3},
    ]
    families = workload({"dp": 2}, {"dp": entries}).families
    assert [f.name for f in families] == ["dp_reduce_scatter", "dp_all_gather", "dp_all_gather_2"]
    assert [f.payload_bytes for f in families] == [(1,), (2,), (3,)]


@pytest.mark.parametrize("axis", ["ep", "edp"])
def test_folded_axes(axis):
    """Expert groups and the ranks that hold the same experts can be given too."""
    given = {axis: {"kind": "all_to_all", "bytes": 1}}
    [family] = workload({"dp": 4, "ep": 2}, given).families
    assert family.axes == (axis,)


def test_groups_of_one_rank_make_no_family():
    """Traffic on an axis of degree 1 moves nothing."""
    assert workload({"dp": 4}, {"tp": {"kind": "all_reduce", "bytes": 1}}).families == ()


def test_traffic_knows_no_memory():
    """Without a model nothing is known of memory."""
    assert workload({"dp": 4}, {"dp": {"kind": "all_reduce", "bytes": 1}}).memory_bytes is None
