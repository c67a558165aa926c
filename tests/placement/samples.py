"""One small placement with something in every part of the file, and ways to change the file."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from planner.placement.placement import Objective
from planner.placement.schema import TopologySection, WorkloadSection
from tests.builders import claimed, grid_family, grid_workload, ragged_cluster

BLANK = "sha256:" + "0" * 64


def sample(objective=Objective.WEIGHTED, bound=0.5):
    """Sixteen ranks on two racks of ragged nodes, with NICs, a GPU down, spares and a keep rule."""
    cluster = ragged_cluster(
        [[4, 4, 2], [4, 4, 4]],
        uplinks=(100e9, [300e9, 400e9]),
        down=(3,),
        spare=(20, 21),
        nics=2,
        scale_up=450e9,
        name="lab",
    )
    tied = grid_family("pp", "all_reduce", (7e6,), stages=(0, 3), name="embedding")
    families = [
        ("tp", "all_reduce", 4e9),
        ("dp", "all_reduce", 1e9),
        ("pp", "path", 5e6),
        tied,
    ]
    workload = grid_workload(
        tp=2, dp=2, pp=4, families=families, keep={"tp": "node"}, memory=(60e9, 50e9, 50e9, 60e9)
    )
    first, second = [0, 1, 4, 5, 6, 7, 8, 9], range(10, 18)
    gpus = np.empty(16, np.int32)
    gpus[[rank for rank in range(16) if rank & 2 == 0]] = first
    gpus[[rank for rank in range(16) if rank & 2]] = second
    return claimed(cluster, workload, gpus, objective=objective, bound=bound)


def digest(content):
    """A digest as the file states it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def reseal(document):
    """Bytes of a changed document, with all its digests made to fit again."""
    document["inputs"] = {
        name: digest(model.model_validate_json(json.dumps(document[name])).model_dump_json().encode())
        for name, model in (("topology", TopologySection), ("workload", WorkloadSection))
    }
    document["digest"] = BLANK
    blank = json.dumps(document).encode()
    return blank.replace(BLANK.encode(), digest(blank).encode(), 1)


def scalars(value, path=()):
    """Path and value of every scalar of a document."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from scalars(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from scalars(each, (*path, index))
    else:
        yield path, value


def replaced(document, path, value):
    """A copy of the document with another value at `path`."""
    copy = json.loads(json.dumps(document))
    part = copy
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return copy


def other(value):
    """A value of the same type that is not the same."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1 if isinstance(value, int) else value * 1.5 + 1
    return "other" if value is None else value + "x"
