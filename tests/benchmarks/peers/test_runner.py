"""Running peers: what is missing, fails or takes too long is said, never left out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.placement.orders import default_orders
from tests.benchmarks.instances import FAMILIES, instance
from tests.benchmarks.peers.registry import OWN_PYTHON, PEERS
from tests.benchmarks.peers.runner import ORDERS, orders, run_peers

ARNOLD = next(peer for peer in PEERS if peer.name == "Arnold")
CASE = instance(FAMILIES[0], 1)
HARD_FOR_ARNOLD = instance(FAMILIES[1], 2)


def outcomes(folder, peer, case=CASE, **limits):
    """What one peer gives, without the orders."""
    return [o for o in run_peers(case, folder, seeds=1, peers=[peer], **limits) if o.peer not in ORDERS]


def test_orders():
    """Default orders that apply have a value, the others a reason; both axis orders of a grid have one."""
    found = list(orders(CASE))
    reasons = {
        order.name: order.reason
        for order in default_orders(CASE.cluster, CASE.workload, CASE.cluster.gpu_in_service)
    }
    for outcome in found:
        assert (outcome.value is None) == bool(reasons.get(outcome.setting))
    assert {o.setting for o in found if o.peer == "axis orders"} == {"dp-pp", "pp-dp"}


def test_too_slow(tmp_path):
    """A run over the limit ends in the middle of a solver; settings after two of those are not tried."""
    peer = replace(ARNOLD, settings=lambda _: ("scip", "cp-sat", "scip"))
    found = outcomes(tmp_path, peer, HARD_FOR_ARNOLD, limit_s=0.5)
    assert [o.note for o in found] == ["over 0.5 s"] * 2 + ["not tried: others ran over the limit"]
    assert {o.value for o in found} == {None}


def test_not_installed(tmp_path):
    """A peer whose module is not there is named with what is missing."""
    (found,) = outcomes(tmp_path, replace(ARNOLD, needs=("no_such_module",)))
    assert (found.value, found.note) == (None, "not installed: no_such_module")


def test_no_environment(tmp_path):
    """So is one whose Python is not there, with how to install it."""
    (found,) = outcomes(tmp_path, replace(ARNOLD, python=tmp_path / "python"))
    assert "install.sh" in found.note


def test_not_applicable(tmp_path):
    """A peer that a job does not suit gives the reason."""
    (found,) = outcomes(tmp_path, replace(ARNOLD, unfit=lambda _: "too round"))
    assert (found.value, found.note) == (None, "not applicable: too round")


def test_failed(tmp_path):
    """The last line of what a failed adapter says is kept."""
    (found,) = outcomes(tmp_path, replace(ARNOLD, settings=lambda _: ("no-such-solver",)))
    assert (found.value, found.note) == (None, "failed: KeyError: 'no-such-solver'")


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_registered(peer):
    """Every peer has settings for every family, and a Python of its own unless it is ours."""
    assert (peer.python == OWN_PYTHON) == (peer.needs == ("ortools",))
    assert peer.seeded == (peer.name != "Arnold")
