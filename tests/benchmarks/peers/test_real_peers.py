"""The peers themselves, on small instances of different families."""

from __future__ import annotations

import subprocess
from functools import cache

import pytest

from tests.benchmarks.against_peers import solve_ours
from tests.benchmarks.instances import FAMILIES, instance
from tests.benchmarks.peers.record import Record
from tests.benchmarks.peers.registry import PEERS
from tests.benchmarks.peers.runner import ORDERS, job_of, run_peers

pytestmark = pytest.mark.real

CASES = (
    ("even nodes", 0),
    ("no slack", 1),
    ("ring of stages", 0),
    ("two tiers", 0),
    ("three tiers", 0),
    ("regular, two tiers", 0),
)
TIME_LIMIT_S = 10.0


@cache
def case_of(name, number):
    """An instance by the name of its family."""
    return instance(next(family for family in FAMILIES if family.name == name), number)


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case[0])
def compared(request, tmp_path_factory):
    """An instance, and what all peers and the planner made of it."""
    case = case_of(*request.param)
    outcomes = tuple(run_peers(case, tmp_path_factory.mktemp("peers"), seeds=2))
    ours = solve_ours(case, TIME_LIMIT_S)
    return case, Record(case.family.name, case.number, case.cells, case.family.tiers, ours, outcomes)


def test_every_peer_gives_a_placement(compared):
    """Each that is installed and fits places all cells, in every setting, within the room of the nodes."""
    case, record = compared
    missing = {peer.name for peer in PEERS if peer.missing}
    for outcome in record.peers:
        if outcome.peer in missing:
            assert outcome.note.startswith("not installed")
        elif not outcome.note.startswith("not applicable"):
            assert outcome.value is not None, outcome
    fitting = {peer.name for peer in PEERS if not peer.unfit(job_of(case))} - missing
    assert fitting | set(ORDERS) == {o.peer for o in record.peers if o.value is not None}


def test_never_worse_than_a_peer(compared):
    """The planner's value is at most that of every peer."""
    assert not compared[1].lost, (compared[1].ratio, compared[1].best)


def test_bound_holds_for_every_peer(compared):
    """No peer's value lies below the planner's bound."""
    assert compared[1].below_bound == []


def test_peers_minimise_the_same_cost(compared):
    """The cost that hypergraph partitioners report is what the planner counts for their placement.

    Checked wherever nothing had to be repaired afterwards: with one tier the cost is the crossing
    bytes, for a mapping the bytes of all tiers at the costs given.
    """
    counted = [o for o in compared[1].peers if o.reported is not None and o.moved == 0]
    assert counted or all(peer.missing for peer in PEERS[:3])
    for outcome in counted:
        assert outcome.reported == outcome.modelled, outcome


SHARED_MAP = """
import chszlablib, numpy as np
rng = np.random.default_rng(0)
edges = [(i, j, int(rng.integers(1, 9))) for i in range(24) for j in range(i)]
found = chszlablib.Decomposition.process_map(
    chszlablib.Graph.from_edge_list(edges), hierarchy=[4, 3], distance=[1, 10], mode="strong", imbalance=0.0
)
at = found.assignment
apart = sum(w * (10 if at[i] // 4 != at[j] // 4 else at[i] != at[j]) for i, j, w in edges)
assert found.comm_cost == 2 * apart, (found.comm_cost, apart)
"""


def test_shared_map_counts_inner_tiers_first():
    """Its hierarchy and distances run from the innermost tier outwards, as the adapter gives them."""
    peer = next(peer for peer in PEERS if peer.name == "SharedMap")
    if peer.missing:
        pytest.skip(peer.missing)
    done = subprocess.run([peer.python, "-c", SHARED_MAP], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
