"""Rules in YAML: each kind holds and fails as its assertion does, and mistakes have positions."""

from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.placement.file import write_placement
from planner.testing import evaluate, load_rules
from planner.testing.schema import KINDS
from tests.builders import claimed, grid_cluster, grid_workload

FAMILIES = [("tp", "all_reduce", 8.0), ("dp", "all_reduce", 4.0), ("pp", "path", 2.0)]


def placed(gpus=range(8), *, bound=1.0, **options):
    """Two stages of two replicas of two tensor ranks on two racks of two nodes of four GPUs."""
    cluster = grid_cluster(2, 2, 4, uplinks=(50e9,), nics=4, **options)
    return claimed(cluster, grid_workload(tp=2, dp=2, pp=2, families=FAMILIES), gpus, bound=bound)


@pytest.fixture
def rules(tmp_path):
    """Load rules from lines under `rules:`."""

    def load(*lines):
        file = tmp_path / "rules.yaml"
        file.write_text("format_version: 1\nrules:\n" + "".join(f"  {line}\n" for line in lines))
        return load_rules(file)

    return load


SCATTERED = [0, 4, 8, 12, 1, 5, 9, 13]
CASES = {
    "within": ("{axis: tp, tier: node}", placed(), placed(SCATTERED)),
    "same_rail": ("{axis: pp}", placed([0, 1, 2, 3, 4, 5, 6, 7]), placed([0, 1, 2, 3, 5, 4, 6, 7])),
    "crossing_at_most": ("{tier: node, limit: 8 B}", placed(), placed(SCATTERED)),
    "stage_in": ("{stage: 1, domain: r00/n01}", placed(), placed(SCATTERED)),
    "uses_at_most": ("{tier: node, domains: 2}", placed(), placed(SCATTERED)),
    "spares_at_least": ("{gpus: 2, tier: node}", placed(SCATTERED), placed()),
    "unchanged": ("{stored: stored.json, except_ranks: 0-3}", placed(), placed(SCATTERED)),
    "moved_at_most": ("{stored: stored.json, ranks: 3}", placed(), placed(SCATTERED)),
    "no_rank_on": ("r01/*", placed(), placed(SCATTERED)),
    "gap_below": ("0.1", placed(), placed(bound=0.5)),
    "in_service": ("true", placed(), placed(down=[2])),
    "distinct_gpus": ("true", placed(), placed([0, *range(7)])),
    "optimal": ("true", placed(), placed(bound=0.5)),
    "checked": ("true", placed(), placed(down=[2])),
}


def test_every_kind_is_tested():
    """No kind of rule goes without a case below."""
    assert set(CASES) == KINDS


@pytest.mark.parametrize("kind", CASES)
def test_rule_holds_and_fails(rules, tmp_path, kind):
    """A rule of each kind holds for one placement and fails for another, with a message."""
    value, good, bad = CASES[kind]
    write_placement(placed(), tmp_path / "stored.json")
    loaded = rules(f"- {kind}: {value}")
    [held] = evaluate(loaded, good)
    [broken] = evaluate(loaded, bad)
    assert (held.ok, held.message) == (True, None)
    assert not broken.ok
    assert broken.message
    assert broken.position.line == 3


def test_results_are_in_order_and_named(rules):
    """A rule bears its own name, or its kind and values."""
    loaded = rules(
        "- {name: replicas stay together, within: {axis: tp-pp, tier: node}}",
        "- within: {axis: tp, tier: node}",
        "- no_rank_on: r01",
        "- crossing_at_most: {tier: node, limit: 1000000000}",
    )
    results = evaluate(loaded, placed())
    assert [result.rule for result in results] == [
        "replicas stay together",
        "within: axis tp, tier node",
        "no_rank_on: r01",
        "crossing_at_most: tier node, limit 1 GB",
    ]
    assert [result.ok for result in results] == [False, True, True, True]


@pytest.mark.parametrize(
    ("line", "code", "column"),
    [
        ("- withn: {axis: tp, tier: node}", "V001", 5),
        ("- name: nothing else", "R001", 5),
        ("- {in_service: true, optimal: true}", "R002", 5),
        ("- in_service: false", "V004", 17),
        ("- gap_below: 0", "V005", 16),
        ("- gap_below: small", "V003", 16),
        ("- within: {axis: tp}", "V002", 13),
        ("- within: {axis: tpp, tier: node}", "R010", 13),
        ("- crossing_at_most: {tier: node, limit: 5 GX}", "V007", 43),
        ("- spares_at_least: {gpus: -1}", "V005", 29),
    ],
)
def test_mistakes_in_the_file(rules, line, code, column):
    """Each mistake has its code and the position of what is wrong."""
    with pytest.raises(InputError) as caught:
        rules(line)
    [problem] = [each for each in caught.value.problems if each.code == code]
    assert (problem.position.line, problem.position.column) == (3, column)


def test_no_rules_is_a_mistake(rules, tmp_path):
    """A file without rules would always pass, so it is refused."""
    file = tmp_path / "empty.yaml"
    file.write_text("format_version: 1\nrules: []\n")
    with pytest.raises(InputError) as caught:
        load_rules(file)
    assert caught.value.problems[0].code == "V010"


def test_mistakes_against_the_placement_come_together(rules):
    """Tiers, stages and domains that are not there are reported at once, each at its rule."""
    loaded = rules(
        "- within: {axis: tp, tier: nod}",
        "- in_service: true",
        "- stage_in: {stage: 2, domain: r00}",
        "- no_rank_on: r09",
        "- unchanged: {stored: absent.json}",
    )
    with pytest.raises(InputError) as caught:
        evaluate(loaded, placed())
    problems = caught.value.problems
    assert [problem.code for problem in problems[:3]] == ["R012", "R013", "T006"]
    places = [(problem.position.line, problem.position.column) for problem in problems]
    assert places == [(3, 30), (5, 23), (6, 17), (7, 25)]


def test_shipped_rules_hold_for_a_sound_placement():
    """The rules that ship hold, and fail for a placement with a GPU twice."""
    assert all(result.ok for result in evaluate(load_rules("sound"), placed()))
    assert not all(result.ok for result in evaluate(load_rules("sound"), placed([0, *range(7)])))
