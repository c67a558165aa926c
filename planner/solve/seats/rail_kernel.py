"""The inner loop of `planner.solve.seats.rail_walk`, compiled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner.solve.setup.kernel import compiled, int64, is_taken, seeded, subroutine, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner.solve.seats.rail_links import Chains, Links, Seated, Seats

    IntArray = NDArray[np.int64]
    WordArray = NDArray[np.uint64]

# Exchanges of a move at most; how often a move is more than one, and how often groups follow a member then.
LONGEST, FOLLOWED, BY_GROUPS = 64, 0.5, 0.1
# How often replicas exchange stages, and how many are tried for one whose stages come on the same rail.
STAGES, TRIES = 0.7, 8


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


class Walk(NamedTuple):
    """All that a walk looks at and changes."""

    seats: Seats
    seated: Seated
    links: Links
    chains: Chains
    space: Space


@subroutine
def parted(walk: Walk, group: int) -> int:
    """Parts beyond the first of a group's shares, those together that common rails link."""
    links, rail, parts = walk.links, walk.seated.rail, walk.space.parts
    begin, end = links.members_of_group[group], links.members_of_group[group + 1]
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
    walk.space.looked[0] += at - begin
    return found - 1


@subroutine
def lost(walk: Walk, rank: int) -> float:
    """Bytes between a rank and its neighbours on other rails."""
    links, rail = walk.links, walk.seated.rail
    total, begin, end = 0.0, links.pairs_of_rank[rank], links.pairs_of_rank[rank + 1]
    for at in range(begin, end):
        if rail[links.other[at]] != rail[rank]:
            total += links.pair_bytes[at]
    walk.space.looked[0] += end - begin
    return total


@subroutine
def touch(walk: Walk, rank: int, count: int) -> int:
    """Add the groups of a rank to those touched, each once; how many there are then."""
    links, touched, known = walk.links, walk.space.touched, count
    for at in range(links.groups_of_rank[rank], links.groups_of_rank[rank + 1]):
        shared = False
        for each in range(known):
            shared |= touched[each] == links.group[at]
        if not shared:
            touched[count] = links.group[at]
            count += 1
    return count


@subroutine
def changed(walk: Walk, one: int, two: int, groups: int) -> float:
    """Bytes that change rail of the pairs of one or two ranks, and of the groups touched."""
    total: float = lost(walk, one)
    if two >= 0:
        total += lost(walk, two)
    for at in range(groups):
        group = walk.space.touched[at]
        total += walk.links.group_bytes[group] * parted(walk, group)
    return total


@subroutine
def exchange(walk: Walk, here: int, there: int) -> None:
    """The rank on one seat takes another of its node, in exchange for the rank there if there is one."""
    seated, rail = walk.seated, walk.seats.rail
    one, two = seated.holder[here], seated.holder[there]
    seated.holder[here], seated.holder[there] = two, one
    seated.seat[one], seated.rail[one] = there, rail[there]
    if two >= 0:
        seated.seat[two], seated.rail[two] = here, rail[here]


@subroutine
def cost(walk: Walk, here: int, there: int, place: int) -> float:
    """Do an exchange, as the move's at this place; by how much the bytes that change rail rise."""
    holder, space = walk.seated.holder, walk.space
    one, two = holder[here], holder[there]
    space.seats[2 * place], space.seats[2 * place + 1] = here, there
    space.ranks[2 * place], space.ranks[2 * place + 1] = one, two
    groups = touch(walk, one, 0)
    if two >= 0:
        groups = touch(walk, two, groups)
    before = changed(walk, one, two, groups)
    exchange(walk, here, there)
    risen: float = changed(walk, one, two, groups) - before
    return risen


@subroutine
def seat_on(seats: Seats, node: int, rail: int) -> int:
    """The first seat of a node on a rail, or -1."""
    for seat in range(seats.of_node[node], seats.of_node[node + 1]):
        if seats.rail[seat] == rail:
            return seat
    return -1


@subroutine
def linked(walk: Walk, rank: int, by_groups: bool) -> int:
    """List the neighbours of a rank, and the members of its groups; how many there are."""
    links, found, count = walk.links, walk.space.linked, 0
    for at in range(links.pairs_of_rank[rank], links.pairs_of_rank[rank + 1]):
        found[count] = links.other[at]
        count += 1
    if by_groups:
        for at in range(links.groups_of_rank[rank], links.groups_of_rank[rank + 1]):
            group = links.group[at]
            for each in range(links.members_of_group[group], links.members_of_group[group + 1]):
                found[count] = links.member[each]
                count += 1
    return count


@subroutine
def follow(walk: Walk, move: int, rails: int, least: float, by_groups: bool) -> tuple[int, int, float]:
    """Let others follow the ranks of a move's first exchange from one rail to the other.

    Parameters
    ----------
    rails
        Sum of the two.
    least
        Bytes that the first exchange costs.

    Returns
    -------
    tuple
        Exchanges done, those after which least is paid, and how much that is.
    """
    seats, seated, space = walk.seats, walk.seated, walk.space
    change, done, kept, following = least, 1, 1, 0
    while following < 2 * done and done < LONGEST:
        rank = space.ranks[following]
        following += 1
        if rank < 0:
            continue
        rail = seated.rail[rank]
        for at in range(linked(walk, rank, by_groups)):
            here = seated.seat[space.linked[at]]
            node = seats.node[here]
            there = -1
            if seats.rail[here] == rails - rail and space.visited[node] != move and done < LONGEST:
                there = seat_on(seats, node, rail)
            if there >= 0:
                space.visited[node] = move
                change += cost(walk, here, there, done)
                done += 1
                if change < least:
                    least, kept = change, done
    return done, kept, least


@subroutine
def exchange_seats(walk: Walk, move: int, temperature: float, random: WordArray) -> None:
    """Take a rank to another rail, and maybe others after it; as much of that is kept as costs least."""
    seats, seated, space = walk.seats, walk.seated, walk.space
    here = seated.seat[int(unit(random) * len(seated.seat))]
    node = seats.node[here]
    begin, end = seats.of_node[node], seats.of_node[node + 1]
    there = begin + int(unit(random) * (end - begin))
    if seats.rail[here] == seats.rail[there]:
        return
    space.visited[node] = move
    least = cost(walk, here, there, 0)
    done, kept = 1, 1
    if unit(random) < FOLLOWED:
        rails = seats.rail[here] + seats.rail[there]
        done, kept, least = follow(walk, move, rails, least, unit(random) < BY_GROUPS)
    if not is_taken(least, temperature, random):
        kept = 0
    for place in range(done - 1, kept - 1, -1):
        exchange(walk, space.seats[2 * place + 1], space.seats[2 * place])


@subroutine
def alike(domain: IntArray, one: int, other: int, after_one: int, after_other: int) -> bool:
    """Whether at each tier two ranks are apart from both that follow them, or from none."""
    for tier in range(len(domain)):
        crosses = domain[tier, one] != domain[tier, after_one]
        if (
            (domain[tier, one] != domain[tier, after_other]) != crosses
            or (domain[tier, other] != domain[tier, after_one]) != crosses
            or (domain[tier, other] != domain[tier, after_other]) != crosses
        ):
            return False
    return True


@subroutine
def crossing(walk: Walk, stage: int, one: int, other: int) -> float:
    """Bytes more that change rail where two cells of a stage exchange what follows; inf if a tier notices."""
    links, chains, rail, total = walk.links, walk.chains, walk.seated.rail, 0.0
    now, after = chains.rank[stage], chains.rank[(stage + 1) % len(chains.rank)]
    after_one, after_other = chains.following[stage, one], chains.following[stage, other]
    walk.space.looked[0] += now.shape[1]
    for place in range(now.shape[1]):
        here, there = now[one, place], now[other, place]
        following, others = after[after_one, place], after[after_other, place]
        if not alike(chains.domain, here, there, following, others):
            return math.inf
        for at in range(links.pairs_of_rank[here], links.pairs_of_rank[here + 1]):
            if links.other[at] == following:
                before = (rail[here] != rail[following]) + (rail[there] != rail[others])
                total += links.pair_bytes[at] * (
                    (rail[here] != rail[others]) + (rail[there] != rail[following]) - before
                )
    return total


@subroutine
def relink(links: Links, rank: int, old: int, new: int) -> None:
    """Make one rank the neighbour of another in the place of its old one."""
    for at in range(links.pairs_of_rank[rank], links.pairs_of_rank[rank + 1]):
        if links.other[at] == old:
            links.other[at] = new


@subroutine
def cross(links: Links, chains: Chains, stage: int, one: int, other: int) -> None:
    """Let two cells of a stage exchange what follows them."""
    now, after = chains.rank[stage], chains.rank[(stage + 1) % len(chains.rank)]
    after_one, after_other = chains.following[stage, one], chains.following[stage, other]
    chains.following[stage, one], chains.following[stage, other] = after_other, after_one
    for place in range(now.shape[1]):
        here, there = now[one, place], now[other, place]
        following, others = after[after_one, place], after[after_other, place]
        relink(links, here, following, others)
        relink(links, there, others, following)
        relink(links, following, here, there)
        relink(links, others, there, here)


@subroutine
def exchange_stages(walk: Walk, temperature: float, random: WordArray) -> None:
    """Let two replicas exchange their stages from one on, or in a ring from one to another."""
    chains, rail = walk.chains, walk.seated.rail
    stages, replicas = chains.following.shape
    stage, one = int(unit(random) * (stages - 1)), int(unit(random) * replicas)
    wanted, other = rail[chains.rank[stage, one, 0]], one
    for _ in range(TRIES):
        other = int(unit(random) * replicas)
        if rail[chains.rank[stage + 1, chains.following[stage, other], 0]] == wanted:
            break
    if one == other:
        return
    change = crossing(walk, stage, one, other)
    last, one_last, other_last = stage, one, other
    if chains.closed[0]:
        for _ in range(1 + int(unit(random) * (stages - 1 - stage))):
            one_last, other_last = chains.following[last, one_last], chains.following[last, other_last]
            last += 1
        change += crossing(walk, last, one_last, other_last)
    if is_taken(change, temperature, random):
        cross(walk.links, chains, stage, one, other)
        if chains.closed[0]:
            cross(walk.links, chains, last, one_last, other_last)


@compiled
def walk_rails(
    seats: Seats,
    seated: Seated,
    links: Links,
    chains: Chains,
    hot: float,
    cold: float,
    looks: int,
    seed: int,
) -> None:
    """Let ranks change seats and replicas, in place, while the temperature falls from `hot` to `cold`.

    A move takes a rank to a seat of its node on another rail, in exchange for the rank there if there is one.
    Some moves go on from there: neighbours who shared a rail with either follow, and sometimes members of its
    groups, by exchanges in their own nodes, then theirs; of these exchanges as many are kept as cost least.
    In other moves two replicas exchange stages, where no tier notices.

    Parameters
    ----------
    looks
        Pairs, and members of groups, to look at.
    """
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
    walk = Walk(seats, seated, links, chains, space)
    random, move = seeded(seed), 0
    exchanged = STAGES if min(chains.following.shape) > 1 else 0.0
    while space.looked[0] < looks:
        move += 1
        # A look at least for each move, so that there is an end.
        space.looked[0] += 1
        temperature = hot * (cold / hot) ** (space.looked[0] / looks)
        if unit(random) < exchanged:
            exchange_stages(walk, temperature, random)
        else:
            exchange_seats(walk, move, temperature, random)
