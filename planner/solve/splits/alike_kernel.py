"""States of a tier whose domains are known by the room they have left and their last width: compiled.

A *code* stands for a domain: the cells that it holds of the last stage, times one more than the largest
room, and the room that it has left. A state is the codes of all domains, largest first: those that hold
cells of the last stage, then those that do not by the room they have left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from planner.solve.setup.kernel import compiled, subroutine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]
    BoolArray = NDArray[np.bool_]

NEVER = 1e300
FIRST, PRIME, SHIFT = np.uint64(1469598103934665603), np.uint64(1099511628211), np.uint64(29)
# Prices that take as long as to look at a code of a split.
PRICES_A_CODE = 64


class Stage(NamedTuple):
    """What a stage costs.

    Parameters
    ----------
    holding, worth
        By width, shape (N + 1,).
    covered
        Least worth of a split.
    rest
        Least reduced cost of the stages that follow, by width and the room then left, shape
        (N + 1, room + 1).
    used
        The same where all that room is used.
    kept
        What a unit of width saves that this stage and the one before have in common.
    """

    holding: FloatArray
    worth: FloatArray
    covered: float
    rest: FloatArray
    used: FloatArray
    kept: float


class Walk(NamedTuple):
    """What listing the splits of a stage works with.

    Parameters
    ----------
    priced, prices
        Codes that are priced, shape (codes,), and what each width costs there, and, at least, the stages that
        follow, shape (codes, N + 1).
    least
        Least of these less the width's worth, shape (codes,).
    choices, widths
        How many widths are worth a look, shape (codes,), and which, shape (codes, N + 1).
    shares
        Least price at which a domain and those after it hold every number of cells, shape
        (domains + 1, N + 1).
    same
        Whether a domain has the code of the one before it, shape (domains,).
    chosen, width
        The split: the place of each domain's width among those worth a look, and the width, shape (domains,).
    due, paid
        Cells that a domain and those after it hold, and what those before it pay, shape (domains + 1,).
    row
        Takes codes, shape (domains,).
    at
        The last domain that takes cells in the split to go on with, or -1 to begin with a state, shape (1,).
    """

    priced: BoolArray
    prices: FloatArray
    least: FloatArray
    choices: IntArray
    widths: IntArray
    shares: FloatArray
    same: BoolArray
    chosen: IntArray
    width: IntArray
    due: IntArray
    paid: FloatArray
    row: IntArray
    at: IntArray


class States(NamedTuple):
    """Different states, found by their codes.

    Parameters
    ----------
    rows
        Codes, shape (most, domains).
    costs
        What leads to each costs at least, shape (most,).
    parents
        The state of the stage before that it follows, shape (most,).
    slots
        Where states are looked up; -1 where none is, shape (a power of two,).
    """

    rows: IntArray
    costs: FloatArray
    parents: IntArray
    slots: IntArray


@subroutine
def price_code(stage: Stage, walk: Walk, code: int) -> None:
    """Fill in what every width costs a domain."""
    base = stage.rest.shape[1]
    left, held = code % base, code // base
    walk.priced[code], walk.least[code] = True, NEVER
    for width in range(len(stage.holding)):
        if width > left:
            walk.prices[code, width] = NEVER
            continue
        price = stage.holding[width] + stage.rest[width, left - width] - stage.kept * min(held, width)
        walk.prices[code, width] = price
        walk.least[code] = min(walk.least[code], price - stage.worth[width])


@subroutine
def slack_of(stage: Stage, walk: Walk, codes: IntArray, limit: float) -> float:
    """By how much any split is below a limit at most: by what domains cost at least, each by itself."""
    slack = limit - stage.covered
    for code in codes:
        slack -= walk.least[code]
    return slack


@compiled
def choose(stage: Stage, walk: Walk, before: States, begin: int, end: int, budget: float) -> None:
    """Price what occurs in some states, and list widths with which any of them can stay within a budget."""
    most = -NEVER
    for parent in range(begin, end):
        for code in before.rows[parent]:
            if not walk.priced[code]:
                price_code(stage, walk, code)
        most = max(most, slack_of(stage, walk, before.rows[parent], budget - before.costs[parent]))
    for code in range(len(walk.priced)):
        count = 0
        if walk.priced[code]:
            for width in range(len(stage.holding)):
                if walk.prices[code, width] - stage.worth[width] <= walk.least[code] + most:
                    walk.widths[code, count] = width
                    count += 1
        walk.choices[code] = count


@subroutine
def price_domains(stage: Stage, walk: Walk, codes: IntArray, changed: int, slack: float) -> int:
    """Price the domains up to the last one whose code has changed; returns how many prices that took.

    Those that hold cells of the stage before by the widths within a slack alone, the others by all that are
    worth a look, which serve other states as well.
    """
    cells, base, prices = len(stage.holding) - 1, stage.rest.shape[1], 0
    for place in range(changed, -1, -1):
        code = codes[place]
        most = walk.least[code] + slack if code >= base else NEVER
        here, after = walk.shares[place], walk.shares[place + 1]
        here[:] = NEVER
        for choice in range(walk.choices[code]):
            width = walk.widths[code, choice]
            price = walk.prices[code, width]
            if price - stage.worth[width] > most:
                continue
            prices += cells + 1 - width
            for total in range(width, cells + 1):
                here[total] = min(here[total], price + after[total - width])
    for place in range(1, min(changed + 2, len(codes))):
        walk.same[place] = codes[place] == codes[place - 1]
    return prices


@subroutine
def next_split(walk: Walk, codes: IntArray, place: int, limit: float) -> int:
    """Go on to the next split that costs at most `limit`, from the domain whose width changes next.

    Domains of the same code take falling widths.

    Returns
    -------
    The last domain that takes any cells, or -1 where there is no further split.
    """
    while place >= 0:
        code, last = codes[place], walk.due[place]
        most = min(last, walk.width[place - 1]) if walk.same[place] else last
        walk.chosen[place] += 1
        width = walk.widths[code, walk.chosen[place]] if walk.chosen[place] < walk.choices[code] else most + 1
        if width > most:
            place -= 1
            continue
        walk.width[place] = width
        paid = walk.paid[place] + walk.prices[code, width]
        if paid + walk.shares[place + 1, last - width] > limit:
            continue
        walk.paid[place + 1], walk.due[place + 1] = paid, last - width
        if width == last:
            walk.width[place + 1 :] = 0
            return place
        place += 1
        walk.chosen[place] = -1
    return -1


@subroutine
def settle(stage: Stage, walk: Walk, codes: IntArray, slack: float) -> float:
    """Codes after a split, into `walk.row`; returns what the split costs.

    Room that no domain can use where all that follows costs at most so much above the least is not counted.
    """
    base, cost = stage.rest.shape[1], 0.0
    for place in range(len(codes)):
        left, held, width = codes[place] % base, codes[place] // base, walk.width[place]
        cost += stage.holding[width] - stage.kept * min(held, width)
        left -= width
        most = stage.rest[width, left] + slack
        while stage.used[width, left] > most:
            left -= 1
        code = width * base + left
        before = place - 1
        while before >= 0 and walk.row[before] < code:
            walk.row[before + 1] = walk.row[before]
            before -= 1
        walk.row[before + 1] = code
    return cost


@subroutine
def slot_of(states: States, row: IntArray) -> Any:
    """The slot of a state, or the free one where it belongs."""
    mixed, last = FIRST, np.uint64(len(states.slots) - 1)
    for code in row:
        mixed = (mixed ^ np.uint64(code)) * PRIME
        mixed ^= mixed >> SHIFT
    slot = np.int64(mixed & last)
    while states.slots[slot] >= 0:
        known = states.rows[states.slots[slot]]
        same = True
        for place in range(len(row)):
            if known[place] != row[place]:
                same = False
                break
        if same:
            break
        slot = (slot + 1) % len(states.slots)
    return slot


@subroutine
def take(states: States, count: int, row: IntArray, cost: float, parent: int) -> int:
    """Take a state in, or a cheaper way to a known one; returns how many there are then."""
    slot = slot_of(states, row)
    known = states.slots[slot]
    if known < 0:
        states.slots[slot] = count
        states.costs[count], states.parents[count] = cost, parent
        for place in range(len(row)):
            states.rows[count, place] = row[place]
        return count + 1
    if cost < states.costs[known]:
        states.costs[known], states.parents[known] = cost, parent
    return count


@compiled
def take_all(states: States, count: int, others: States, many: int) -> int:
    """Take in the first `many` of other states; returns how many there are then."""
    for other in range(many):
        count = take(states, count, others.rows[other], others.costs[other], others.parents[other])
    return count


@compiled
def follow(
    stage: Stage,
    walk: Walk,
    before: States,
    begin: int,
    end: int,
    budget: float,
    states: States,
    count: int,
    most: int,
) -> tuple[int, int, int]:
    """All states that follow some of the stage before within a budget.

    Parameters
    ----------
    begin, end
        Those of the stage before.
    budget
        Most that such a state and, at least, the stages that follow may cost.
    count
        States there are already.
    most
        Codes after which to return early: those that are priced, by how many prices that takes, and those of
        the splits that are listed.

    Returns
    -------
    The state to go on with, how many states there are, and how many splits were listed. Where `states` is
    full, or the splits of a state are many, it goes on with the same state, in the middle of them.
    """
    domains, done, looked, priced = before.rows.shape[1], 0, 0, -1
    walk.due[0], walk.paid[0] = len(stage.holding) - 1, 0.0
    for parent in range(begin, end):
        codes, limit = before.rows[parent], budget - before.costs[parent]
        slack = slack_of(stage, walk, codes, limit)
        if slack < 0.0:
            continue
        place = np.int64(walk.at[0])
        if place < 0:
            changed = domains - 1
            while priced >= 0 and changed >= 0 and codes[changed] == before.rows[priced, changed]:
                changed -= 1
            # Of those that hold cells all are priced anew: their widths depend on the slack.
            while changed + 1 < domains and codes[changed + 1] >= stage.rest.shape[1]:
                changed += 1
            looked += changed + 1 + price_domains(stage, walk, codes, changed, slack) // PRICES_A_CODE
            walk.chosen[0] = -1
            place = next_split(walk, codes, np.int64(0), limit)
        priced = parent
        while place >= 0:
            if count == len(states.rows) or looked + done * domains >= most:
                walk.at[0] = place
                return parent, count, done
            spare = max(limit - walk.paid[place + 1] - walk.shares[place + 1, 0], 0.0)
            cost = before.costs[parent] + settle(stage, walk, codes, spare)
            count = take(states, count, walk.row, cost, parent)
            done += 1
            place = next_split(walk, codes, place, limit)
        walk.at[0] = -1
        if looked + done * domains >= most:
            return parent + 1, count, done
    return end, count, done


@compiled
def nearest(rows: IntArray, base: int, drawn: IntArray) -> IntArray:
    """Which of some drawn states, shape (drawn,), each state is most like: by the sum of differences.

    The largest codes are held against each other, then the next, by the cells held and the room left.
    """
    found = np.zeros(len(rows), np.int32)
    for state in range(len(rows)):
        least = len(rows[state]) * base * base
        for one in range(len(drawn)):
            apart = 0
            for place in range(rows.shape[1]):
                here, there = rows[state, place], drawn[one, place]
                apart += abs(here // base - there // base) + abs(here % base - there % base)
                if apart >= least:
                    break
            if apart < least:
                least, found[state] = apart, one
    return found


@compiled
def look_ahead(
    rests: FloatArray, covered: FloatArray, rows: IntArray, costs: FloatArray
) -> tuple[FloatArray, IntArray]:
    """What each state and all that follows cost at least, and by which of several outlooks; shape (states,).

    Parameters
    ----------
    rests
        Least that a domain pays afterwards, by its code, shape (outlooks, codes).
    covered
        Least worth of the splits afterwards, shape (outlooks,).
    """
    most, best = np.full(len(rows), -NEVER), np.zeros(len(rows), np.int32)
    for state in range(len(rows)):
        for look in range(len(covered)):
            least = costs[state] + covered[look]
            for code in rows[state]:
                least += rests[look, code]
            if least > most[state]:
                most[state], best[state] = least, look
    return most, best
