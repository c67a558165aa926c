"""The generator of instances."""

import numpy as np
import pytest

from tests.benchmarks.instances import FAMILIES, instance, instances


class TestInstances:
    """What all instances have in common."""

    def test_there_are_enough_of_every_size(self):
        """At least 100 instances of 64 to 30,000 cells, with one to four tiers, beside the small ones."""
        large = [each for each in instances() if each.cells > 50]
        assert len(large) >= 100
        assert max(each.cells for each in large) == 30_000
        assert {each.family.tiers for each in large} == {1, 2, 3, 4}

    @pytest.mark.parametrize("most", [3_000, pytest.param(30_000, marks=pytest.mark.slow)])
    def test_each_fits_its_cluster(self, most):
        """The GPUs in service hold the cells, with about the slack that the family names."""
        for each in (each for each in instances() if each.cells <= most):
            free = int(each.cluster.gpu_in_service.sum()) - each.cells
            assert 0 <= free <= each.family.slack * each.cells + max(each.family.capacities)

    def test_same_number_same_instance(self):
        """An instance depends on its family and number alone."""
        for family in FAMILIES:
            one, other = instance(family, 1), instance(family, 1)
            assert (one.stages, one.replicas, one.payload) == (other.stages, other.replicas, other.payload)
            np.testing.assert_array_equal(one.cluster.gpu_in_service, other.cluster.gpu_in_service)
            np.testing.assert_array_equal(one.cluster.gpu_node, other.cluster.gpu_node)
