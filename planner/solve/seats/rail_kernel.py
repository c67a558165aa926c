"""The inner loop of `planner.solve.seats.rail_walk`, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.solve.setup.kernel import compiled, int64, is_taken, seeded, subroutine, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.seats.rail_links import Links, Seated, Seats

    IntArray = NDArray[np.int64]

# Exchanges of a move at most; how often a move is more than one, and how often groups follow a member then.
LONGEST, FOLLOWED, BY_GROUPS = 64, 0.5, 0.1


class Space(NamedTuple):
    """Room for what a move does.

    Parameters
    ----------
    touched, parts
        Groups of an exchange, and rails of the parts of one.
    seats, ranks
        Both of each exchange.
    visited
        The last move of each node.
    linked
        Ranks that may follow one.
    looked
        Pairs, and members of groups, looked at since the walk began, shape (1,).
    """

    touched: IntArray
    parts: IntArray
    seats: IntArray
    ranks: IntArray
    visited: IntArray
    linked: IntArray
    looked: IntArray


@subroutine
def parted(links: Links, rail: IntArray, group: int, space: Space) -> int:
    """Parts beyond the first of a group's shares, those together that common rails link."""
    begin, end, parts = links.members_of_group[group], links.members_of_group[group + 1], space.parts
    found, at = 0, begin
    while at < end:
        if found == 1 and parts[0] == links.every[0]:
            # Whatever rails the others are on, they are among these.
            break
        here, rails = links.share[at], int64(0)
        while at < end and links.share[at] == here:
            rails |= int64(1) << rail[links.member[at]]
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
    space.looked[0] += at - begin
    return found - 1


@subroutine
def lost(links: Links, rail: IntArray, rank: int, space: Space) -> float:
    """Bytes between a rank and its neighbours on other rails."""
    total, begin, end = 0.0, links.pairs_of_rank[rank], links.pairs_of_rank[rank + 1]
    for at in range(begin, end):
        if rail[links.other[at]] != rail[rank]:
            total += links.pair_bytes[at]
    space.looked[0] += end - begin
    return total


@subroutine
def touch(links: Links, rank: int, touched: IntArray, count: int) -> int:
    """Add the groups of a rank to those touched, each once; how many there are then."""
    known = count
    for at in range(links.groups_of_rank[rank], links.groups_of_rank[rank + 1]):
        shared = False
        for each in range(known):
            shared |= touched[each] == links.group[at]
        if not shared:
            touched[count] = links.group[at]
            count += 1
    return count


@subroutine
def changed(links: Links, rail: IntArray, one: int, two: int, groups: int, space: Space) -> float:
    """Bytes that change rail of the pairs of one or two ranks, and of the groups touched."""
    total = lost(links, rail, one, space)
    if two >= 0:
        total += lost(links, rail, two, space)
    for at in range(groups):
        total += links.group_bytes[space.touched[at]] * parted(links, rail, space.touched[at], space)
    return total


@subroutine
def exchange(seats: Seats, seated: Seated, here: int, there: int) -> None:
    """The rank on one seat takes another of its node, in exchange for the rank there if there is one."""
    one, two = seated.holder[here], seated.holder[there]
    seated.holder[here], seated.holder[there] = two, one
    seated.seat[one], seated.rail[one] = there, seats.rail[there]
    if two >= 0:
        seated.seat[two], seated.rail[two] = here, seats.rail[here]


@subroutine
def cost(seats: Seats, seated: Seated, links: Links, here: int, there: int, place: int, space: Space) -> float:
    """Do an exchange, as the move's at this place; by how much the bytes that change rail rise."""
    one, two = seated.holder[here], seated.holder[there]
    space.seats[2 * place], space.seats[2 * place + 1] = here, there
    space.ranks[2 * place], space.ranks[2 * place + 1] = one, two
    groups = touch(links, one, space.touched, 0)
    if two >= 0:
        groups = touch(links, two, space.touched, groups)
    before = changed(links, seated.rail, one, two, groups, space)
    exchange(seats, seated, here, there)
    return changed(links, seated.rail, one, two, groups, space) - before


@subroutine
def seat_on(seats: Seats, node: int, rail: int) -> int:
    """The first seat of a node on a rail, or -1."""
    for seat in range(seats.of_node[node], seats.of_node[node + 1]):
        if seats.rail[seat] == rail:
            return seat
    return -1


@subroutine
def linked(links: Links, rank: int, by_groups: bool, space: Space) -> int:
    """List the neighbours of a rank, and the members of its groups; how many there are."""
    count = 0
    for at in range(links.pairs_of_rank[rank], links.pairs_of_rank[rank + 1]):
        space.linked[count] = links.other[at]
        count += 1
    if by_groups:
        for at in range(links.groups_of_rank[rank], links.groups_of_rank[rank + 1]):
            group = links.group[at]
            for each in range(links.members_of_group[group], links.members_of_group[group + 1]):
                space.linked[count] = links.member[each]
                count += 1
    return count


@compiled
def walk_rails(
    seats: Seats, seated: Seated, links: Links, hot: float, cold: float, looks: int, seed: int
) -> None:
    """Let ranks change seats inside their nodes, in place, while the temperature falls from `hot` to `cold`.

    A move takes a rank to a seat of its node on another rail, in exchange for the rank there if there is one.
    Some moves go on from there: neighbours who shared a rail with either follow, and sometimes members of its
    groups, by exchanges in their own nodes, then theirs; of these exchanges as many are kept as cost least.

    Parameters
    ----------
    looks
        Pairs, and members of groups, to look at.
    """
    random, move = seeded(seed), 0
    space = Space(
        # More than two ranks have of groups.
        np.empty(len(links.group) + 1, np.int64),
        np.empty(64, np.int64),
        np.empty(2 * LONGEST, np.int64),
        np.empty(2 * LONGEST, np.int64),
        np.zeros(len(seats.of_node), np.int64),
        np.empty(len(links.other) + len(links.member), np.int64),
        np.zeros(1, np.int64),
    )
    while space.looked[0] < looks:
        move += 1
        # A look at least for each move, so that there is an end.
        space.looked[0] += 1
        temperature = hot * (cold / hot) ** (space.looked[0] / looks)
        here = seated.seat[int(unit(random) * len(seated.seat))]
        node = seats.node[here]
        begin, end = seats.of_node[node], seats.of_node[node + 1]
        there = begin + int(unit(random) * (end - begin))
        before, after = seats.rail[here], seats.rail[there]
        if before == after:
            continue
        space.visited[node] = move
        change = cost(seats, seated, links, here, there, 0, space)
        done, kept, least, following = 1, 1, change, 0
        longest = LONGEST if unit(random) < FOLLOWED else 1
        by_groups = unit(random) < BY_GROUPS
        while following < 2 * done and done < longest:
            rank = space.ranks[following]
            following += 1
            if rank < 0:
                continue
            rail = seated.rail[rank]
            for at in range(linked(links, rank, by_groups, space)):
                here = seated.seat[space.linked[at]]
                node = seats.node[here]
                if seats.rail[here] != before + after - rail or space.visited[node] == move or done == longest:
                    continue
                there = seat_on(seats, node, rail)
                if there >= 0:
                    space.visited[node] = move
                    change += cost(seats, seated, links, here, there, done, space)
                    done += 1
                    if change < least:
                        least, kept = change, done
        if not is_taken(least, temperature, random):
            kept = 0
        for place in range(done - 1, kept - 1, -1):
            exchange(seats, seated, space.seats[2 * place + 1], space.seats[2 * place])
