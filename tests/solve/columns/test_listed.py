"""The relaxation over listed width vectors."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from planner.solve.columns.listed import Listed, relax_listed
from planner.solve.reduction.vectors import all_vectors


def random_classes(rng, stages, replicas):
    """Two classes of domains that together have room for the job, with random costs."""
    classes = []
    for count, room in ((1, 3), (2, 2)):
        widths = all_vectors(stages, replicas, room)
        classes.append(Listed(count, widths, rng.integers(-9, 10, len(widths)).astype(float)))
    return classes


def choices(classes):
    """Every choice of a vector for each domain: class and position of each."""
    domains = [kind for kind, each in enumerate(classes) for _ in range(each.count)]
    for picked in product(*(range(len(classes[kind].cost)) for kind in domains)):
        yield list(zip(domains, picked, strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_bound_and_excess_hold_for_every_choice(seed):
    """No covering choice is below the bound, and excesses add up to at most what it is above it."""
    stages, replicas = 2, 3
    classes = random_classes(np.random.default_rng(seed), stages, replicas)
    relaxed = relax_listed(classes, replicas)
    seen = 0
    for choice in choices(classes):
        if (sum(classes[kind].widths[i] for kind, i in choice) != replicas).any():
            continue
        seen += 1
        cost = sum(classes[kind].cost[i] for kind, i in choice)
        excess = sum(relaxed.excess[kind][i] for kind, i in choice)
        assert relaxed.bound + excess <= cost + 1e-6
    assert seen


def test_rounded_rows_raise_the_bound():
    """Three cells touch two domains of two each, where the relaxation alone sees one and a half."""
    widths = all_vectors(1, 3, 2)
    relaxed = relax_listed([Listed(3, widths, (widths[:, 0] > 0).astype(float))], 3)
    assert relaxed.bound == pytest.approx(2.0)


def test_what_cannot_be_covered_has_a_bound_beyond_any_cost():
    """Where the lists do not cover the job the bound shows it by its penalty."""
    widths = np.asarray([[0], [1]], np.int32)
    relaxed = relax_listed([Listed(2, widths, np.asarray([0.0, 1.0]))], 3)
    assert relaxed.bound > 2.0
