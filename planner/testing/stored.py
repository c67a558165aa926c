"""Assertions that compare a placement with one that was stored before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InputError
from planner.placement.file import read_placement
from planner.placement.placement import Placement
from planner.placement.wording import gpu_name, plural, ranges
from planner.testing.failure import SHOWN, PlacementAssertionError
from planner.testing.wording import rank_name

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner.topology.cluster import Cluster


def assert_unchanged(
    placement: Placement,
    stored: Placement | str | os.PathLike[str],
    *,
    except_ranks: Sequence[int] | str = (),
) -> None:
    """Every rank sits on the GPU where the stored placement has it.

    GPUs are compared by host name and index in the node, so that the topology may have grown or
    shrunk since.

    Parameters
    ----------
    stored
        A placement, or the path of a placement file.
    except_ranks
        Ranks that may have moved: numbers, or a text such as ``0-7,42``.
    """
    before = _loaded(stored)
    allowed = parse_ranks(except_ranks, placement.workload.mesh.world_size)
    moved = np.setdiff1d(moved_ranks(placement, before), allowed)
    if moved.size:
        raise PlacementAssertionError(
            f"{plural(moved.size, 'rank')} moved against the stored placement: {ranges(moved)}",
            [_move(placement, before, int(rank)) for rank in moved[:SHOWN]],
            moved.size,
        )


def assert_moved_at_most(
    placement: Placement, stored: Placement | str | os.PathLike[str], *, ranks: int
) -> None:
    """At most `ranks` ranks sit on another GPU than in the stored placement."""
    before = _loaded(stored)
    moved = moved_ranks(placement, before)
    if moved.size > ranks:
        raise PlacementAssertionError(
            f"{plural(moved.size, 'rank')} moved against the stored placement, expected at most {ranks:,}: "
            f"{ranges(moved)}",
            [_move(placement, before, int(rank)) for rank in moved[:SHOWN]],
            moved.size,
        )


def moved_ranks(placement: Placement, stored: Placement) -> NDArray[np.int64]:
    """Ranks that sit on another GPU, by host name and index in the node, ascending.

    Raises
    ------
    PlacementAssertionError
        Where the two have not the same number of ranks.
    """
    here, there = placement.workload.mesh.world_size, stored.workload.mesh.world_size
    if here != there:
        raise PlacementAssertionError(f"{plural(here, 'rank')}, the stored placement has {there:,}")
    same_gpu = (
        placement.cluster.gpu_local[placement.gpu_of_rank] == stored.cluster.gpu_local[stored.gpu_of_rank]
    )
    known = _known_nodes(placement.cluster, stored.cluster)
    here_node = placement.cluster.gpu_node[placement.gpu_of_rank]
    same_node = here_node == known[stored.cluster.gpu_node[stored.gpu_of_rank]]
    return np.flatnonzero(~(same_gpu & same_node))


def _known_nodes(cluster: Cluster, stored: Cluster) -> NDArray[np.int64]:
    """For each node of `stored` the node of `cluster` with its host name, -1 where there is none."""
    index = {name: node for node, name in enumerate(cluster.host_names)}
    return np.array([index.get(name, -1) for name in stored.host_names], np.int64)


def _move(placement: Placement, stored: Placement, rank: int) -> str:
    return f"{rank_name(placement, rank)}, was on {gpu_name(stored.cluster, int(stored.gpu_of_rank[rank]))}"


def _loaded(stored: Placement | str | os.PathLike[str]) -> Placement:
    return stored if isinstance(stored, Placement) else read_placement(Path(stored))


def parse_ranks(ranks: Sequence[int] | str, world_size: int) -> NDArray[np.int64]:
    """Rank numbers from a list, or from a text such as ``0-7,42``.

    Raises
    ------
    InputError
        ``R014`` where the text is no list of ranges, or a rank is not in the world.
    """
    expected = f"ranks of 0 to {world_size - 1}, such as 0-7,42"
    numbers: list[int] = []
    for part in ranks.split(",") if isinstance(ranks, str) and ranks.strip() else list(ranks):
        first, dash, last = str(part).strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise InputError.of("R014", f"{str(part)!r} names no ranks", expected=expected)
        low, high = int(first), int(last or first)
        if not low <= high < world_size:
            raise InputError.of("R014", f"no ranks {part} in a world of {world_size}", expected=expected)
        numbers.extend(range(low, high + 1))
    return np.array(numbers, np.int64)
