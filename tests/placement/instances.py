"""Random small clusters, jobs and placements for hypothesis."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import strategies as st

from planner.workload.family import Family, Kind
from tests.builders import grid_workload, ragged_cluster

COLLECTIVES = [kind for kind in Kind if kind is not Kind.P2P]
PIPELINES = [("pp",)]
STAGE_AXES = [("tp",), ("cp",), ("dp",), ("cp", "dp"), ("ep",), ("edp",)]


@st.composite
def workloads(draw):
    """A job of at most 36 ranks with one to four families."""
    tp, cp, dp, pp = (draw(st.integers(1, top)) for top in (3, 2, 3, 4))
    ep = draw(st.sampled_from([d for d in range(1, cp * dp + 1) if cp * dp % d == 0]))
    order = draw(st.sampled_from(list(permutations(("tp", "cp", "dp", "pp")))))
    families = tuple(draw(_families(pp, f"family{i}")) for i in range(draw(st.integers(1, 4))))
    return grid_workload(tp=tp, cp=cp, ep=ep, dp=dp, pp=pp, order=order, families=families)


@st.composite
def _families(draw, pp, name):
    axes = draw(st.sampled_from([*STAGE_AXES, *PIPELINES * 3]))
    kind = draw(st.sampled_from(COLLECTIVES))
    stages = None
    count = pp
    if axes == ("pp",):
        if draw(st.booleans()):
            stages = tuple(sorted(draw(st.sets(st.integers(0, pp - 1), min_size=1))))
        members = pp if stages is None else len(stages)
        count = {Kind.PATH: members - 1, Kind.RING: members}.get(kind, 1)
    payload = draw(st.lists(st.integers(0, 50), min_size=count, max_size=count))
    return Family(name, axes, kind, tuple(map(float, payload)), stages)


@st.composite
def instances(draw, uplinks=True):
    """A cluster, a job that fits on it and a random placement."""
    workload = draw(workloads())
    world = workload.mesh.world_size
    racks = draw(st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=3), min_size=1, max_size=4))
    while sum(map(sum, racks)) < world:
        racks.append([4, 3, 4])
    limits = [draw(st.sampled_from([None, 1e9, 3e9])) for _ in range(2)] if uplinks else []
    gpus = sum(map(sum, racks))
    shuffled = draw(st.permutations(range(gpus)))
    down = shuffled[world : world + draw(st.integers(0, gpus - world))]
    cluster = ragged_cluster(racks, uplinks=limits, down=down, nics=draw(st.sampled_from([0, 1, 2])))
    return cluster, workload, np.asarray(shuffled[:world], np.int32)
