"""Lists of width vectors, written as machine words.

A word has one field of bits a stage, so that the sum of two vectors is the sum of their words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int32]
    WordArray = NDArray[np.uint64]
    BoolArray = NDArray[np.bool_]

WORD_BITS = 64
MOST_PAIRS = 6_000_000


class TooManyError(Exception):
    """There are more vectors to look at than is worth while."""


@dataclass(frozen=True)
class Words:
    """How vectors of `stages` widths, each in 0 .. `widest`, are written as words.

    A field has a bit more than its widest entry needs: the sum of two vectors never runs over into
    the next field.
    """

    stages: int
    widest: int

    @property
    def field_bits(self) -> int:
        """Bits of one stage."""
        return self.widest.bit_length() + 1

    @property
    def fit(self) -> bool:
        """Whether a whole vector fits one word."""
        return self.field_bits * self.stages <= WORD_BITS

    @property
    def _shifts(self) -> WordArray:
        return (np.arange(self.stages) * self.field_bits).astype(np.uint64)

    def _repeated(self, value: int) -> np.uint64:
        """A word that has `value` in every field."""
        return np.uint64(sum(value << (stage * self.field_bits) for stage in range(self.stages)))

    def of(self, widths: IntArray) -> WordArray:
        """Words of width vectors, shape (vectors,); `widths` has shape (vectors, P)."""
        words: WordArray = (widths.astype(np.uint64) << self._shifts).sum(axis=1, dtype=np.uint64)
        return words

    def widths(self, words: WordArray) -> IntArray:
        """Width vectors of words, shape (vectors, P)."""
        mask = np.uint64((1 << self.field_bits) - 1)
        return ((words[:, None] >> self._shifts) & mask).astype(np.int32)

    def within(self, words: WordArray) -> BoolArray:
        """Which sums of two vectors are themselves at most `widest` everywhere, shape (vectors,)."""
        top = 1 << (self.field_bits - 1)
        inside: BoolArray = ((words + self._repeated(top - 1 - self.widest)) & self._repeated(top)) == 0
        return inside


def all_vectors(stages: int, widest: int, room: int) -> IntArray:
    """Every vector of `stages` widths up to `widest` with at most `room` cells, shape (vectors, P)."""
    rows, left = np.zeros((1, 0), np.int32), np.asarray([room])
    for _ in range(stages):
        choices = np.minimum(left, widest) + 1
        parent = np.repeat(np.arange(len(rows)), choices)
        width = np.arange(len(parent)) - np.repeat(np.cumsum(choices) - choices, choices)
        rows = np.concatenate((rows[parent], width[:, None].astype(np.int32)), axis=1)
        left = left[parent] - width
    return rows


@dataclass(frozen=True, eq=False)
class Vectors:
    """Vectors that a domain may hold, each once, in the order of their words.

    Parameters
    ----------
    words
        Shape (vectors,).
    cost
        The least that each costs, shape (vectors,).
    excess
        How far each is above its part of a bound, shape (vectors,).
    """

    words: WordArray
    cost: FloatArray
    excess: FloatArray

    @classmethod
    def nothing(cls) -> Vectors:
        """The empty vector alone."""
        return cls(np.zeros(1, np.uint64), np.zeros(1), np.zeros(1))

    @classmethod
    def cheapest(cls, words: WordArray, cost: FloatArray, excess: FloatArray) -> Vectors:
        """Each vector once, at its least cost."""
        if not len(words):
            return cls(words, cost, excess)
        order = np.argsort(words)
        words, cost, excess = words[order], cost[order], excess[order]
        fresh = np.append(True, np.diff(words) != 0)
        group = np.cumsum(fresh) - 1
        least = np.flatnonzero(cost == np.minimum.reduceat(cost, np.flatnonzero(fresh))[group])
        kept = least[np.append(True, np.diff(group[least]) != 0)]
        return cls(words[kept], cost[kept], excess[kept])

    def within(self, budget: float) -> Vectors:
        """Those whose excess is within a budget."""
        near = self.excess <= budget
        return Vectors(self.words[near], self.cost[near], self.excess[near])

    def plus(self, other: Vectors, form: Words, budget: float) -> Vectors:
        """All sums of one vector of each whose excesses together are within a budget.

        Raises
        ------
        TooManyError
            There are more than `MOST_PAIRS` pairs of them.
        """
        order = np.argsort(self.excess, kind="stable")
        partners = np.searchsorted(self.excess[order], budget - other.excess, side="right")
        if partners.sum() > MOST_PAIRS:
            raise TooManyError
        theirs = np.repeat(np.arange(len(partners)), partners)
        mine = order[np.arange(len(theirs)) - np.repeat(np.cumsum(partners) - partners, partners)]
        words = self.words[mine] + other.words[theirs]
        inside = form.within(words)
        mine, theirs = mine[inside], theirs[inside]
        cost = self.cost[mine] + other.cost[theirs]
        return Vectors.cheapest(words[inside], cost, self.excess[mine] + other.excess[theirs])

    def part_of(self, word: np.uint64, cost: float, other: Vectors, form: Words) -> tuple[int, int]:
        """Positions of a vector here and one of `other` that add up to `word` at `cost`."""
        wanted = form.widths(np.asarray([word]))
        fits = np.flatnonzero((form.widths(other.words) <= wanted).all(axis=1))
        rest = word - other.words[fits]
        place = np.minimum(np.searchsorted(self.words, rest), len(self.words) - 1)
        equal = (self.words[place] == rest) & (self.cost[place] + other.cost[fits] == cost)
        found = int(np.flatnonzero(equal)[0])
        return int(place[found]), int(fits[found])
