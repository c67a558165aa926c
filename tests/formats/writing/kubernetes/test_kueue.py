"""What of a placement Kueue can keep."""

from __future__ import annotations

import numpy as np
import pytest

from planner.errors import UsageError
from planner.formats.writing.kubernetes.kueue import Slices, level_labels, slices_of, topology
from planner.formats.writing.kubernetes.node_table import nodes_of
from tests.builders import claimed, grid_cluster, grid_workload, ragged_cluster
from tests.formats.jobs import irregular


def placed(cluster, gpus):
    """A data-parallel job on these GPUs."""
    workload = grid_workload(dp=len(gpus), families=[("dp", "all_reduce", 1)])
    return claimed(cluster, workload, np.array(gpus))


def slices(cluster, gpus):
    """The slices of such a job."""
    placement = placed(cluster, gpus)
    return slices_of(placement, nodes_of(placement))


def hosts(*numbers, each=2):
    """All GPUs of these hosts."""
    return [host * each + gpu for host in numbers for gpu in range(each)]


def test_slices_of_a_rack():
    """Three hosts a rack, two racks: slices of three, whatever the order of racks and of hosts in them."""
    cluster = grid_cluster(2, 4, 2)
    assert slices(cluster, hosts(6, 4, 5, 0, 3, 1)) == Slices("rack", 3, None)


def test_innermost_tier_that_is_cut_evenly():
    """Racks of one host each hold no slice, but each unit holds two hosts; the pod holds all."""
    cluster = grid_cluster(2, 2, 2, 1, 2)
    assert slices(cluster, hosts(0, 1, 2, 3)) == Slices("unit", 2, "pod")


def test_all_in_one_domain():
    """Nothing to cut: all pods in one rack."""
    assert slices(grid_cluster(2, 4, 2), hosts(4, 5)) == Slices(None, 1, "rack")


@pytest.mark.parametrize(
    ("cluster", "gpus", "reason"),
    [
        (grid_cluster(2, 4, 2), hosts(0, 1, 2, 4), "no tier"),
        (grid_cluster(2, 4, 2), hosts(0, 4, 1, 5), "no tier"),
        (grid_cluster(2, 4, 2), [0, 2, 1, 3], "other ranks"),
        (grid_cluster(2, 4, 2), [0, 1, 3, 2], "other GPUs"),
        (grid_cluster(2, 4, 2), [0, 2], "idle GPUs"),
        (ragged_cluster([[2, 4]]), [0, 1, 2, 3, 4, 5], "other ranks"),
    ],
)
def test_refusals(cluster, gpus, reason):
    """Each names what Kueue cannot keep, and the route that is exact."""
    with pytest.raises(UsageError, match=rf"E024.*{reason}(.|\n)*route=configmap"):
        slices(cluster, gpus)


def test_irregular_hosts_are_refused():
    """Hosts with other numbers of ranks."""
    with pytest.raises(UsageError, match="E024"):
        slices_of(irregular(), nodes_of(irregular()))


def test_annotations():
    """The two levels, each with its label."""
    found = Slices("rack", 3, "unit").annotations({"rack": "site/rack", "unit": "site/unit"})
    assert found == {
        "kueue.x-k8s.io/podset-required-topology": "site/unit",
        "kueue.x-k8s.io/podset-slice-required-topology": "site/rack",
        "kueue.x-k8s.io/podset-slice-size": "3",
    }


def test_labels_and_topology():
    """A tier's label can be told, and levels run from the outermost to the node."""
    labels = level_labels(grid_cluster(2, 2, 2, 2), "unit=site/block")
    assert labels == {"rack": "cloud.provider.com/topology-rack", "unit": "site/block"}
    levels = topology("plan", labels)["spec"]["levels"]
    assert [level["nodeLabel"] for level in levels] == [
        "site/block",
        "cloud.provider.com/topology-rack",
        "kubernetes.io/hostname",
    ]
    with pytest.raises(UsageError, match="E024"):
        level_labels(grid_cluster(2, 2, 2), "pod=site/block")
