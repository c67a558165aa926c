"""A placement's strategy beside other software's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.errors import UsageError
from planner.solve import solve
from planner.strategy.contest import PLANNER, SEARCHED, contest
from planner.topology.presets import preset
from planner.workload.load import build_workload
from tests.builders import claimed, grid_cluster
from tests.cost.jobs import WORKLOAD, placed

TOLD = []
OUTRIGHT = {
    "format_version": 1,
    "name": "outright",
    "parallelism": {"dp": 4},
    "traffic": {"dp": {"kind": "all_reduce", "bytes": "1 GB"}},
}


@pytest.fixture(scope="module")
def found():
    """Sixteen H100s, an 8B model, with a search."""
    return contest(placed(), searched=True, tell=TOLD.append)


def test_progress_is_told(found):
    """One word after the other, of what takes long."""
    assert found
    assert TOLD == [SEARCHED, "jax-mesh", "jax-mesh-all", "defaults"]


def test_everyone_is_there(found):
    """The placement first, then what a search finds, then the others."""
    names = [each.name for each in found.contenders]
    assert names[:2] == [PLANNER, SEARCHED]
    assert {"maxtext", "megatron", "deepspeed", "jax-mesh", "jax-mesh-all"} <= set(names)


def test_search_is_never_slower_than_a_mesh_of_jax(found):
    """Whose meshes are in its space, and whose network is the same."""
    by_name = {each.name: each for each in found.contenders}
    assert found.reference.step_s <= by_name[PLANNER].step_s
    for name in ("jax-mesh", "jax-mesh-all"):
        assert by_name[SEARCHED].step_s <= 1.001 * by_name[name].step_s
    assert by_name["jax-mesh-all"].step_s <= by_name["jax-mesh"].step_s


def test_what_is_predicted_to_be_slower_is_not_placed(monkeypatch):
    """Only the strategy that is fastest in rank order is, where nothing could be faster than it."""
    placements = []

    def counted(*asked, **options):
        placements.append(asked)
        return solve(*asked, **options)

    class Endless:
        step_s = float("inf")

        def time(self, *, quick):
            assert quick
            return self

    monkeypatch.setattr("planner.strategy.contest.solve", counted)
    monkeypatch.setattr("planner.strategy.contest.step_of", lambda *_: Endless())
    contest(placed(), searched=True)
    assert len(placements) == 1


def test_differences_add_up(found):
    """What each part takes more is in all what the tokens of a step take more."""
    for each in found.contenders:
        more = sum(found.more_s(each).values())
        step_s = found.reference.step_s
        assert more == pytest.approx((found.ratio(each) - 1) * step_s, abs=1e-9)


def test_same_tokens_everywhere(found):
    """No one trains on fewer, and crossing bytes are there for every tier."""
    asked = found.contenders[0].job.global_batch
    assert all(each.job.global_batch >= asked for each in found.contenders)
    assert all(len(each.tier_bytes) == len(found.tiers) for each in found.contenders)


def test_what_does_not_fit_is_shown_and_mended():
    """With a third of the memory defaults are over it, and are followed by what fits."""
    stored = placed()
    gpu = replace(stored.cluster.gpu_kinds[0], memory_bytes=25e9)
    small = replace(stored, cluster=replace(stored.cluster, gpu_kinds=(gpu,)))
    found = contest(small)
    by_name = {each.name: each for each in found.contenders}
    over = by_name["deepspeed"]
    assert over.excess_bytes == pytest.approx(over.memory_bytes - 25e9)
    assert not by_name["deepspeed, fitted"].excess_bytes
    assert by_name["deepspeed, fitted"].notes[0].startswith("fits with ")
    assert all(not each.excess_bytes for each in found.contenders if each.name.startswith("jax"))


def test_uneven_hosts_are_no_obstacle():
    """Where JAX's hybrid order does not apply, on hosts of seven and of eight GPUs, its plain one stands."""
    cluster = grid_cluster(2, 8, uplinks=(400e9,), scale_up=450e9, down=(0,))
    cluster = replace(cluster, gpu_kinds=(preset("h100"),))
    batch = {"global": 28, "micro": 1, "sequence": 4096}
    workload = build_workload({**WORKLOAD, "parallelism": {"dp": 14}, "batch": batch})
    found = contest(claimed(cluster, workload, np.arange(1, 15)))
    assert any(each.name == "jax-mesh" for each in found.contenders)


def test_traffic_given_outright_has_no_strategy():
    """Nobody knows what it computes."""
    with pytest.raises(UsageError) as error:
        contest(claimed(grid_cluster(2, 2), build_workload(OUTRIGHT), np.arange(4)))
    assert error.value.problems[0].code == "U007"
