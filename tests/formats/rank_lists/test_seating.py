"""A placement from a list of ranks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import InputError
from planner.formats.exporting import launcher_files
from planner.formats.rank_lists.listings import recognised, seats
from planner.formats.rank_lists.seating import seated
from planner.formats.site.site import Source
from planner.placement.check import check
from planner.placement.placement import Objective, Status
from tests.builders import claimed, grid_workload, ragged_cluster
from tests.formats.jobs import irregular, regular


def placed(text, placement, *gpu_map, objective=Objective.WEIGHTED):
    """The placement that the list describes, on the cluster and for the job of another."""
    source = Source("list", text)
    found = seats(source, recognised(source))
    return seated(placement.cluster, placement.workload, found, objective, gpu_map)


def refused(text, placement, *gpu_map):
    """Codes, lines and suggestions of what is refused."""
    with pytest.raises(InputError) as caught:
        placed(text, placement, *gpu_map)
    return [(each.code, each.position.line, each.suggestion) for each in caught.value.problems]


@pytest.mark.parametrize("objective", Objective)
def test_claims_are_measured_and_nothing_is_proven(objective):
    """The checker agrees with every claim, for every objective."""
    text = "r01-n00 # gpu 5\nr00-n01\nr00-n01\nr01-n00\nr00-n01\nr00-n00\nr00-n01\nr00-n00\nr00-n01\nr01-n00"
    found = placed(text, irregular(uplinks=(50e9, 80e9)), objective=objective)
    assert check(found).findings == ()
    assert found.claims.objective is objective
    assert found.claims.lower_bound == 0 < found.claims.value
    assert found.claims.status is Status.FEASIBLE


def test_nothing_crossed_is_optimal():
    """Below nothing there is nothing."""
    alone = regular(1, 4)
    assert placed("n00*4", alone).claims.status is Status.OPTIMAL
    assert check(placed("n00*4", alone)).ok


def test_gpus_that_are_not_said():
    """They are those of the host that are in service, in order."""
    placement = regular(2, 4, down=(1,))
    placement = replace(placement, workload=grid_workload(dp=7, families=[("dp", "all_reduce", 1)]))
    found = placed("n01*2\nn00*3\nn01*2\n", placement)
    assert found.gpu_of_rank.tolist() == [4, 5, 0, 2, 3, 6, 7]


def test_a_map_of_gpus():
    """Each host's ranks take them in turn, as Slurm's tasks do."""
    assert placed("n01*4\nn00*4\n", regular(), 3, 2, 1, 0).gpu_of_rank.tolist() == [7, 6, 5, 4, 3, 2, 1, 0]
    assert placed("n01 # gpu 1\nn01\nn00*6", regular(), 3).gpu_of_rank.tolist()[:3] == [5, 7, 3]


def test_names_with_and_without_a_domain():
    """A short name stands for a long one, and the other way round."""
    placement = regular()
    names = ["n00.site", "n01"]
    placement = replace(placement, cluster=replace(placement.cluster, host_names=names))
    assert placed("n00*4\nn01.site*4\n", placement).gpu_of_rank.tolist() == list(range(8))
    names = ["n0.a", "n0.b"]
    placement = replace(placement, cluster=replace(placement.cluster, host_names=names))
    assert [code for code, *_ in refused("n0*8\n", placement)] == ["E011"]


def test_hosts_that_are_not_there():
    """Each is told once, with what it might be."""
    found = refused("n00*4\nn0l\nn0l\nzebra\nn01\n", regular(1, 8))
    assert found == [
        ("E011", 2, "did you mean 'n00'?"),
        ("E011", 4, None),
        ("E011", 5, "did you mean 'n00'?"),
    ]


def test_names_in_another_domain():
    """A domain may be left out on either side; a name in another domain is another host."""
    placement = regular(2, 2)
    cluster = replace(placement.cluster, host_names=["n1.a", "n2"])
    placement = replace(placement, cluster=cluster)
    assert placed("N2.x*2\nn1*2\n", placement).gpu_of_rank.tolist() == [2, 3, 0, 1]
    assert [each[:2] for each in refused("n1.b*2\nn2*2\n", placement)] == [("E011", 1)]


def test_ranks_that_are_not_the_workloads():
    """Twice, beyond, missing."""
    lines = [f"rank {rank}=n00 slot=0" for rank in (0, 1, 1, 3, 4, 5, 6, 8)]
    assert [each[:2] for each in refused("\n".join(lines), regular())] == [
        ("E012", 3),
        ("E012", 8),
        ("E012", 8),
    ]


def test_gpus_that_are_not_there():
    """A GPU beyond the host's, and more ranks than it has GPUs."""
    assert refused("n00 # gpu 4\nn00*3\nn01*4\n", regular()) == [("E013", 1, None)]
    assert [each[0] for each in refused("n00*5\nn01*3\n", regular())] == ["E013"]
    assert [each[0] for each in refused("n00*4\nn01*4\n", regular(), 7)] == ["E013"] * 8


@st.composite
def scattered(draw):
    """Ranks on any GPUs of hosts of any size, in any order."""
    sizes = draw(st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4), min_size=1, max_size=3))
    cluster = ragged_cluster(sizes)
    order = draw(st.permutations(range(cluster.gpus)))
    ranks = draw(st.integers(1, cluster.gpus))
    return claimed(cluster, grid_workload(dp=ranks, families=[("dp", "all_reduce", 1)]), order[:ranks])


@settings(max_examples=30)
@given(scattered())
def test_every_placement_comes_back(placement):
    """From each kind of list, whatever the hosts, the ranks and the GPUs."""
    for to, path in (("slurm", "hostfile"), ("openmpi", "rankfile"), ("csv", "ranks.csv")):
        text = launcher_files(placement, to).files[path].decode()
        assert placed(text, placement).gpu_of_rank.tolist() == placement.gpu_of_rank.tolist()
