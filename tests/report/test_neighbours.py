"""Where a rank is and whom it talks to."""

from __future__ import annotations

from planner.report.neighbours import rank_facts, rank_view
from tests.builders import claimed, grid_cluster, grid_family, grid_workload
from tests.report.jobs import text_of, two_racks


def test_place():
    """Host, GPU, NIC, rail, coordinates and path."""
    facts = rank_facts(two_racks(), 13)
    assert facts.coordinates == {"tp": 1, "cp": 0, "ep": 0, "pp": 1, "dp": 2}
    assert (facts.host, facts.gpu, facts.nic, facts.rail) == ("r00-n01", 5, 5, 5)
    assert facts.path == "r00/n01/gpu5"
    assert facts.domains == {"node": "r00/n01", "rack": "r00", "cluster": "test"}


def test_peers_by_distance():
    """Tensor and data peers share the node; one pipeline neighbour shares the rack, one does not."""
    reaches = [(reach.family, reach.crosses, reach.peers) for reach in rank_facts(two_racks(), 13).reaches]
    assert reaches == [
        ("tp", None, (12,)),
        ("dp", None, (9, 11, 15)),
        ("pp", "node", (5,)),
        ("pp", "rack", (21,)),
    ]


def test_first_and_last_stage_have_one_neighbour():
    """A path has ends."""
    ends = [rank_facts(two_racks(), rank).reaches[-1].peers for rank in (0, 24)]
    assert ends == [(8,), (16,)]


def test_a_ring_of_two_joins_them_twice():
    """Both pairs of a ring of two are talked over, each with its own bytes."""
    workload = grid_workload(pp=2, vp=2, families=[("pp", "ring", (3.0, 4.0))])
    facts = rank_facts(claimed(grid_cluster(2, 1), workload, [0, 1]), 0)
    assert [(reach.peers, reach.payload_bytes) for reach in facts.reaches] == [((1,), 3.0), ((1,), 4.0)]


def test_payload_is_that_of_the_stage():
    """A family whose payload differs from stage to stage shows the rank's own."""
    workload = grid_workload(dp=2, pp=2, families=[("dp", "all_reduce", (3.0, 4.0))])
    placement = claimed(grid_cluster(2, 2), workload, range(4))
    assert [rank_facts(placement, rank).reaches[0].payload_bytes for rank in (0, 3)] == [3.0, 4.0]


def test_a_rank_outside_a_family_has_no_peers_in_it():
    """A tied embedding joins the first and the last stage only."""
    tied = grid_family("pp", "all_reduce", (5.0,), stages=(0, 2), name="embedding")
    workload = grid_workload(pp=3, families=[tied])
    placement = claimed(grid_cluster(3, 1), workload, range(3))
    assert rank_facts(placement, 1).reaches == ()
    assert rank_facts(placement, 0).reaches[0].peers == (2,)


def test_view():
    """All of it can be read."""
    text = text_of(rank_view(rank_facts(two_racks(), 13)))
    assert "rank 13  tp=1 dp=2 pp=1" in text
    assert "on host r00-n01, gpu 5, nic 5, rail 5, at r00/n01/gpu5" in text
    assert "inside node" in text
    assert "across rack" in text


def test_document_names_every_peer():
    """Plain data holds the ranks themselves."""
    peers = rank_facts(two_racks(), 13).document()["peers"]
    assert peers[1] == {
        "family": "dp",
        "kind": "all_reduce",
        "crosses": None,
        "ranks": [9, 11, 15],
        "payload_bytes": 5e9,
    }
