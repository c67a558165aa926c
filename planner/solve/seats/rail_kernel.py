"""The inner loop of `planner.solve.seats.rail_walk`, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner.solve.setup.kernel import compiled, int64, is_taken, seeded, subroutine, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]


@subroutine
def parted(rail: IntArray, member: IntArray, share: IntArray, begin: int, end: int, parts: IntArray) -> int:
    """Parts beyond the first of a group's shares, those together that common rails link.

    The group's members, share by share, are at `begin` .. `end` - 1; `parts` takes the rails of each part.
    """
    found, at = 0, begin
    while at < end:
        here, rails = share[at], int64(0)
        while at < end and share[at] == here:
            rails |= int64(1) << rail[member[at]]
            at += 1
        kept = 0
        for part in range(found):
            if parts[part] & rails:
                rails |= parts[part]
            else:
                parts[kept] = parts[part]
                kept += 1
        parts[kept] = rails
        found = kept + 1
    return found - 1


@subroutine
def lost(rail: IntArray, of_rank: IntArray, other: IntArray, payload: FloatArray, rank: int) -> float:
    """Bytes between a rank and its neighbours on other rails."""
    total = 0.0
    for at in range(of_rank[rank], of_rank[rank + 1]):
        if rail[other[at]] != rail[rank]:
            total += payload[at]
    return total


@subroutine
def touch(groups_of_rank: IntArray, group: IntArray, rank: int, touched: IntArray, count: int) -> int:
    """Add the groups of a rank to those touched, each once; how many there are then."""
    known = count
    for at in range(groups_of_rank[rank], groups_of_rank[rank + 1]):
        shared = False
        for each in range(known):
            shared |= touched[each] == group[at]
        if not shared:
            touched[count] = group[at]
            count += 1
    return count


@subroutine
def split_bytes(
    rail: IntArray,
    members_of_group: IntArray,
    member: IntArray,
    share: IntArray,
    group_bytes: FloatArray,
    touched: IntArray,
    count: int,
    parts: IntArray,
) -> float:
    """Bytes between the parts of the groups touched."""
    total = 0.0
    for at in range(count):
        begin, end = members_of_group[touched[at]], members_of_group[touched[at] + 1]
        total += group_bytes[touched[at]] * parted(rail, member, share, begin, end, parts)
    return total


@compiled
def walk_rails(
    rail: IntArray,
    seat: IntArray,
    holder: IntArray,
    seat_rail: IntArray,
    node_of_seat: IntArray,
    seats_of_node: IntArray,
    pairs_of_rank: IntArray,
    other: IntArray,
    pair_bytes: FloatArray,
    groups_of_rank: IntArray,
    group: IntArray,
    members_of_group: IntArray,
    member: IntArray,
    share: IntArray,
    group_bytes: FloatArray,
    hot: float,
    cold: float,
    moves: int,
    seed: int,
) -> None:
    """Let ranks change seats inside their nodes, in place, while the temperature falls from `hot` to `cold`.

    A move takes a rank to a seat of its node on another rail, in exchange for the rank there if there is one.

    Parameters
    ----------
    rail, seat
        Of each rank, shape (ranks,).
    holder
        The rank on each seat, -1 on a free one, shape (seats,).
    seat_rail, node_of_seat
        Of each seat, shape (seats,); those of a node are next to each other.
    seats_of_node
        Where the seats of each node begin, and their number at the end, shape (nodes + 1,).
    pairs_of_rank, other, pair_bytes
        Where the pairs of each rank begin, shape (ranks + 1,); the other rank and the bytes of each.
    groups_of_rank, group
        Where the groups of each rank begin, shape (ranks + 1,), and these groups.
    members_of_group, member, share
        Where the members of each group begin, shape (groups + 1,); their ranks and shares, share by share.
    group_bytes
        Of each part beyond the first, shape (groups,).
    """
    ranks = len(rail)
    random = seeded(seed)
    parts = np.empty(64, np.int64)
    # More than two ranks have of groups.
    touched = np.empty(len(group) + 1, np.int64)
    cooling = (cold / hot) ** (1.0 / max(1, moves))
    temperature = hot
    for _ in range(moves):
        temperature *= cooling
        one = int(unit(random) * ranks)
        here = seat[one]
        begin, end = seats_of_node[node_of_seat[here]], seats_of_node[node_of_seat[here] + 1]
        there = begin + int(unit(random) * (end - begin))
        before, after = seat_rail[here], seat_rail[there]
        if before == after:
            continue
        two = holder[there]
        count = touch(groups_of_rank, group, one, touched, 0)
        change = -lost(rail, pairs_of_rank, other, pair_bytes, one)
        if two >= 0:
            count = touch(groups_of_rank, group, two, touched, count)
            change -= lost(rail, pairs_of_rank, other, pair_bytes, two)
        change -= split_bytes(rail, members_of_group, member, share, group_bytes, touched, count, parts)
        rail[one] = after
        change += lost(rail, pairs_of_rank, other, pair_bytes, one)
        if two >= 0:
            rail[two] = before
            change += lost(rail, pairs_of_rank, other, pair_bytes, two)
        change += split_bytes(rail, members_of_group, member, share, group_bytes, touched, count, parts)
        if is_taken(change, temperature, random):
            seat[one], holder[there], holder[here] = there, one, two
            if two >= 0:
                seat[two] = here
        else:
            rail[one] = before
            if two >= 0:
                rail[two] = after
