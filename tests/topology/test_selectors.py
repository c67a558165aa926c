"""Selectors."""

from __future__ import annotations

import numpy as np
import pytest

from planner.errors import InputError
from planner.source import parse_document
from planner.topology.load import to_cluster
from planner.topology.selectors import MOST_SUGGESTIONS, Selectors, select_gpus

TEXT = """\
format_version: 1
name: small
tiers:
  - {name: node, nics: {count: 2, bandwidth: 400 Gb/s}}
  - {name: rack}
  - {name: unit}
  - {name: cluster}
domains:
  - {unit: u1, rack: "r[01-03]", node: "n[1-2]", gpus: 4}
  - {unit: u2, rack: "r[01-02]", node: "n[1-2]", gpus: 4}
  - {unit: u1, rack: r04, node: n1, gpus: 2}
"""

SCATTERED = [("r1", "n1"), ("r2", "n2"), ("r1", "n3"), ("r1", "n2")]


@pytest.fixture(scope="module")
def cluster():
    """Two units, the first with one rack named in a row of its own."""
    return to_cluster(parse_document(TEXT))


@pytest.mark.parametrize(
    ("selector", "tier", "paths"),
    [
        ("u1", 2, ["u1"]),
        ("*", 2, ["u1", "u2"]),
        ("u1/r[01,03]", 1, ["u1/r01", "u1/r03"]),
        ("u[1-2]/r01", 1, ["u1/r01", "u2/r01"]),
        ("*/r*4", 1, ["u1/r04"]),
        ("u2/*/n2", 0, ["u2/r01/n2", "u2/r02/n2"]),
        ("u1/r04/n1", 0, ["u1/r04/n1"]),
        ("u1/r0[1,4]/n1", 0, ["u1/r01/n1", "u1/r04/n1"]),
    ],
)
def test_domains(cluster, selector, tier, paths):
    """A path selects domains of the tier at which it ends."""
    selected = Selectors(cluster.tiers).find(selector)
    assert selected.tier == tier
    assert selected.whole
    assert [cluster.domain_path(tier, int(domain)) for domain in selected.domains] == paths


def test_all_beneath(cluster):
    """A path that ends early stands for all nodes beneath it."""
    selectors = Selectors(cluster.tiers)
    beneath = selectors.nodes_beneath(selectors.find("u2")).tolist()
    assert [cluster.host_names[node] for node in beneath] == [
        f"u2-r0{rack}-n{node}" for rack in (1, 2) for node in (1, 2)
    ]


def test_beneath_domains_whose_rows_are_apart():
    """Nodes of one rack need not follow one another, and each keeps its own GPUs."""
    rows = "".join(f"  - {{unit: u1, rack: {r}, node: {n}, gpus: {n[1]}}}\n" for r, n in SCATTERED)
    cluster = to_cluster(parse_document(TEXT.split("domains:", maxsplit=1)[0] + "domains:\n" + rows))
    selectors = Selectors(cluster.tiers)
    assert selectors.nodes_beneath(selectors.find("u1/r1")).tolist() == [0, 2, 3]
    assert np.flatnonzero(select_gpus(cluster, "u1/r1")).tolist() == [0, 3, 4, 5, 6, 7]
    assert np.flatnonzero(select_gpus(cluster, "u1/r1/n[2-3]/gpu1")).tolist() == [4, 7]


@pytest.mark.parametrize(
    ("selector", "count"),
    [("u1/r01/n1/gpu0", 1), ("u1/r01/*/gpu[0-2]", 6), ("u2/*/*/gpu*", 16), ("u2", 16), ("*", 42)],
)
def test_gpus(cluster, selector, count):
    """The end of a path may name GPUs of the nodes."""
    assert select_gpus(cluster, selector).sum() == count


@pytest.mark.parametrize(
    ("selector", "code"),
    [
        ("u3", "T006"),
        ("u1/r05", "T006"),
        ("u1/r[01-09]", "T006"),
        ("u2/x*", "T006"),
        ("u1/*/*/gpu3", "T006"),
        ("u1/r01/n1/nic0", "T015"),
        ("u1/r01/n1/fan", "T015"),
        ("u1/r01/n1/gpu0,nic0", "T015"),
        ("u1/r01/n1/gpu0/x", "T015"),
        ("u1//n1", "T015"),
        ("", "T015"),
        ("u1/r[1", "T001"),
        ("u[1-999999999]", "T002"),
    ],
)
def test_refused(cluster, selector, code):
    """A selector that selects nothing, or that is none, is refused."""
    with pytest.raises(InputError) as caught:
        select_gpus(cluster, selector)
    assert caught.value.problems[0].code == code


def test_nearest_name(cluster):
    """A name that differs in leading zeros only is proposed first."""
    with pytest.raises(InputError) as caught:
        Selectors(cluster.tiers).find("u1/r1")
    assert caught.value.problems[0].suggestion == "did you mean 'r01'?"


def test_few_mistakes_get_a_suggestion(cluster):
    """The nearest name is looked for in the first mistakes only."""
    selectors = Selectors(cluster.tiers)
    suggestions = []
    for _ in range(MOST_SUGGESTIONS + 5):
        with pytest.raises(InputError) as caught:
            selectors.find("u01")
        suggestions.append(caught.value.problems[0].suggestion)
    assert suggestions[:MOST_SUGGESTIONS] == ["did you mean 'u1'?"] * MOST_SUGGESTIONS
    assert suggestions[MOST_SUGGESTIONS:] == [None] * 5
