"""Selectors: a path of name ranges down the tiers, such as ``u001/r3/t[01-18]/gpu0``.

``*`` stands for any characters of a name. A path that ends early selects all that lies beneath.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InputError, did_you_mean
from planner.topology.names import compress, expand

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from planner.topology.cluster import BoolArray, Cluster, IntArray, Tier

MOST_SHOWN = 8
MOST_STARS = 4
# To look for the nearest name takes a while in a large cluster, and helps no one a hundred times.
MOST_SUGGESTIONS = 20

_DEVICE = re.compile(r"(gpu|nic)(\*|[0-9]{1,9})\Z")
_LEADING_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")


@dataclass(frozen=True, eq=False)
class Selected:
    """What a selector stands for.

    Parameters
    ----------
    tier
        Index of the tier that the path ends at.
    domains
        Domains of that tier, ascending.
    gpus, nics
        Indices in each node that the end of the path names; both None where it names none, and
        -1 among them for all.
    """

    tier: int
    domains: IntArray
    gpus: tuple[int, ...] | None = None
    nics: tuple[int, ...] | None = None

    @property
    def whole(self) -> bool:
        """Whether domains are meant, and not single GPUs or NICs in them."""
        return self.gpus is None and self.nics is None


class Selectors:
    """Finds what selectors stand for.

    Parameters
    ----------
    tiers
        Tiers of a cluster; of each only the names and parents are read.
    """

    def __init__(self, tiers: Sequence[Tier]) -> None:
        self.tiers = tiers
        self.depth = len(tiers) - 1
        self._suggestions = 0
        self._indices: dict[tuple[int, int], dict[str, int]] = {}

    @cached_property
    def _children(self) -> list[tuple[IntArray, IntArray]]:
        """For each tier its domains sorted by parent, and where each parent's start."""
        lists = []
        for inner, outer in zip(self.tiers[:-1], self.tiers[1:], strict=True):
            order = np.argsort(inner.parent, kind="stable").astype(np.int32)
            starts = np.searchsorted(inner.parent[order], np.arange(outer.domains + 1)).astype(np.int32)
            lists.append((order, starts))
        return lists

    def find(self, selector: str) -> Selected:
        """What `selector` stands for.

        Raises
        ------
        InputError
            T001 or T002 for a name range, T015 for a path of the wrong form, T006 where a name is
            not there.
        """
        parts = selector.split("/")
        if len(parts) > self.depth + 1 or not all(parts):
            raise InputError.of("T015", f"{selector!r} is not a path down the tiers", expected=self._form())
        domains = np.zeros(1, np.int32)
        tier = self.depth
        for part in parts[: self.depth]:
            tier -= 1
            domains = self._step(tier, domains, part, selector)
        if len(parts) <= self.depth:
            return Selected(tier, np.sort(domains))
        return self._devices(np.sort(domains), parts[-1])

    def nodes_beneath(self, selected: Selected) -> IntArray:
        """Which nodes lie in the selected domains, ascending."""
        domains = selected.domains
        for tier in reversed(range(selected.tier)):
            domains = self._inside(tier, domains)
        return np.sort(domains)

    def _inside(self, tier: int, parents: IntArray) -> IntArray:
        """Domains of `tier` in any of `parents`, parent by parent."""
        order, starts = self._children[tier]
        if len(parents) == 1:
            only = int(parents[0])
            return order[starts[only] : starts[only + 1]]
        inside: IntArray = order[_stretches(starts[parents], starts[parents + 1])]
        return inside

    def _form(self) -> str:
        names = [tier.name.upper() for tier in reversed(self.tiers[:-1])]
        return f"{'/'.join(names)}, then /gpuN or /nicN or nothing; it may also end earlier"

    def _step(self, tier: int, parents: IntArray, part: str, selector: str) -> IntArray:
        """Domains of `tier` under `parents` that `part` names."""
        if "*" not in part and len(parents) == 1:
            return self._named(tier, int(parents[0]), part, selector)
        under = self._inside(tier, parents)
        if part == "*":
            return under
        if part.count("*") > MOST_STARS:
            raise InputError.of(
                "T015", f"{part!r} has too many *", expected=f"at most {MOST_STARS} in a name"
            )
        own = self.tiers[tier].names
        wanted = expand(part)
        plain = {word for word in wanted if "*" not in word}
        pattern = re.compile("|".join(_as_pattern(word) for word in wanted if "*" in word) or r"(?!)")
        found = [d for d in under if own[d] in plain or pattern.fullmatch(own[d])]
        missing = sorted(plain - {own[d] for d in found})
        if missing or not found:
            raise self._nothing(tier, missing or [part], [own[d] for d in under], selector)
        return np.array(found, np.int32)

    def _named(self, tier: int, parent: int, part: str, selector: str) -> IntArray:
        """Domains of `tier` in a single one that `part` names, looked up and not searched for."""
        index = self._indices.get((tier, parent))
        if index is None:
            own = self.tiers[tier].names
            index = {own[d]: d for d in self._inside(tier, np.array([parent])).tolist()}
            self._indices[tier, parent] = index
        if part in index:
            return np.array([index[part]], np.int32)
        wanted = dict.fromkeys(expand(part))
        missing = sorted(word for word in wanted if word not in index)
        if missing:
            raise self._nothing(tier, missing, index, selector)
        return np.array([index[word] for word in wanted], np.int32)

    def _nothing(self, tier: int, missing: list[str], there: Iterable[str], selector: str) -> InputError:
        """The error that some names are not there."""
        known = there if isinstance(there, dict) else dict.fromkeys(there)
        self._suggestions += 1
        shown = ", ".join(missing[:MOST_SHOWN]) + (", ..." if len(missing) > MOST_SHOWN else "")
        return InputError.of(
            "T006",
            f"{selector!r} selects no {self.tiers[tier].name} {shown}",
            expected=f"{self.tiers[tier].name}s such as {_few(known)}",
            suggestion=_nearest(missing[0], list(known)) if self._suggestions <= MOST_SUGGESTIONS else None,
        )

    def _devices(self, nodes: IntArray, part: str) -> Selected:
        """The end of a path, which names GPUs or NICs of nodes."""
        matches = [_DEVICE.match(name) for name in expand(part)]
        kinds = {match[1] for match in matches if match}
        if None in matches or len(kinds) != 1:
            raise InputError.of(
                "T015", f"{part!r} names no GPU and no NIC", expected="gpuN or nicN, such as gpu5 or nic[0-1]"
            )
        numbers = tuple(-1 if match[2] == "*" else int(match[2]) for match in matches if match)
        return Selected(0, nodes, gpus=numbers) if kinds == {"gpu"} else Selected(0, nodes, nics=numbers)


def devices_beneath(
    nodes: IntArray, node: IntArray, local: IntArray, numbers: tuple[int, ...] | None, noun: str = "GPU"
) -> IntArray:
    """GPUs (or NICs) of some nodes that bear one of `numbers`, ascending.

    Parameters
    ----------
    nodes
        The nodes, ascending.
    node, local
        Node of each device and its index in it; devices are numbered node by node.
    numbers
        Indices wanted; None, or -1 among them, for all.
    noun
        What the devices are called.

    Raises
    ------
    InputError
        T006 where a node has none of a number.
    """
    beneath = _stretches(np.searchsorted(node, nodes), np.searchsorted(node, nodes, side="right"))
    if numbers is None or -1 in numbers:
        return beneath
    chosen = beneath[np.isin(local[beneath], numbers)]
    if len(chosen) != len(nodes) * len(set(numbers)):
        raise InputError.of(
            "T006",
            f"not every node selected has {noun} {', '.join(map(str, sorted(set(numbers))))}",
            expected=f"numbers from 0 to {int(local[beneath].max(initial=-1))}"
            if len(beneath)
            else "nodes that have such devices",
        )
    return chosen


def select_gpus(cluster: Cluster, selector: str) -> BoolArray:
    """The GPUs that `selector` stands for, shape (gpus,).

    Raises
    ------
    InputError
        As `Selectors.find`; T015 for a selector of NICs.
    """
    selectors = Selectors(cluster.tiers)
    selected = selectors.find(selector)
    if selected.nics is not None:
        raise InputError.of("T015", f"{selector!r} selects NICs", expected="a selector of domains or GPUs")
    chosen = np.zeros(cluster.gpus, np.bool_)
    nodes = selectors.nodes_beneath(selected)
    chosen[devices_beneath(nodes, cluster.gpu_node, cluster.gpu_local, selected.gpus)] = True
    return chosen


def _stretches(first: NDArray[np.integer], end: NDArray[np.integer]) -> IntArray:
    """The numbers from each ``first[i]`` up to, and without, ``end[i]``, one stretch after another."""
    lengths = end - first
    skipped = first - (np.cumsum(lengths) - lengths)
    numbers: IntArray = (np.arange(lengths.sum()) + np.repeat(skipped, lengths)).astype(np.int32)
    return numbers


def _as_pattern(word: str) -> str:
    return ".*".join(re.escape(part) for part in word.split("*"))


def _nearest(word: str, known: list[str]) -> str | None:
    """The name that was probably meant: first one that differs in leading zeros only."""
    bare = {_LEADING_ZEROS.sub("", name): name for name in known}
    same = bare.get(_LEADING_ZEROS.sub("", word))
    return did_you_mean(same or word, known)


def _few(names: Collection[str]) -> str:
    """Some names, compressed."""
    return compress(islice(names, MOST_SHOWN)) + (", ..." if len(names) > MOST_SHOWN else "")
