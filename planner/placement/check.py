"""The independent checker: every rule and every claim, recomputed from the rank table alone.

It shares no code with the solver, the cost model or the crossing bytes that the solver uses.

What it cannot see: whether a lower bound that stays below the value could be proven, and changes
that no rule and no claim depends on, such as names or the figures of hardware that no byte crosses.
Those are covered by the digests of a file alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from planner.placement.naming import SHOWN, Namer, listed
from planner.placement.placement import Objective, Status
from planner.placement.rails import has_rails, rail_changes
from planner.placement.recount import Traffic, membership, recount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner.placement.placement import Placement
    from planner.placement.rails import RailChanges

    IntArray = NDArray[np.int64]
    Domains = list[NDArray[np.int32]]

TOLERANCE = 1e-9


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold: its code, and what it is with ranks, groups and domains named."""

    code: str
    message: str

    def __str__(self) -> str:
        return f"[{self.code}] {self.message}"


@dataclass(frozen=True)
class Report:
    """What the checker found.

    Parameters
    ----------
    findings
        Everything that does not hold; empty where all is well.
    ranks
        Ranks looked at.
    tier_bytes
        Crossing bytes of every tier as recomputed, innermost first; empty where the rank table is
        too broken to count.
    weighted_s, bottleneck_s, value
        The objectives as recomputed, and the value of the one that was claimed; None as above.
    rails
        Bytes between nodes that change rail; None
        where the cluster has no rails or they were not asked for, or as above. Nothing is claimed of them.
    """

    findings: tuple[Finding, ...]
    ranks: int
    tier_bytes: tuple[float, ...] = ()
    weighted_s: float | None = None
    bottleneck_s: float | None = None
    value: float | None = None
    rails: RailChanges | None = None

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.findings


def check(placement: Placement, *, rails: bool = True) -> Report:
    """Recompute all that is claimed of a placement.

    Rules: as many ranks as the workload has, each on a GPU of its own that is in service; spares
    free where the job fits without; ``keep``; memory. Claims: crossing bytes of each tier, both
    sums of seconds, value, bounds, gap and status. For a placement that was read from a file also
    its digests and the columns of its rank table.

    Parameters
    ----------
    rails
        Whether to count the bytes that change rail too, of which nothing is claimed.
    """
    checker = _Checker(placement)
    findings = [*checker.digests(), *checker.table()]
    if findings and not checker.countable:
        return Report(tuple(findings), len(placement.gpu_of_rank))
    findings += [
        *checker.hardware(),
        *checker.columns(),
        *checker.nics(),
        *checker.keep(),
        *checker.memory(),
        *checker.traffic(),
        *checker.bounds(),
        *checker.standing(),
    ]
    return Report(
        tuple(findings),
        len(placement.gpu_of_rank),
        tuple(each.crossing_bytes for each in checker.counted),
        checker.weighted_s,
        checker.bottleneck_s,
        checker.value,
        rail_changes(placement) if rails and has_rails(placement.cluster) else None,
    )


class _Checker:
    """One short method for each family of rules; each yields what breaks it."""

    def __init__(self, placement: Placement) -> None:
        self.placement = placement
        self.cluster = placement.cluster
        self.mesh = placement.workload.mesh
        self.claims = placement.claims
        self.name = Namer(self.cluster, self.mesh)
        self.gpu = np.asarray(placement.gpu_of_rank, np.int64)

    @cached_property
    def countable(self) -> bool:
        """Whether there is a GPU for every rank of the workload, so that traffic can be counted."""
        inside = ((self.gpu >= 0) & (self.gpu < self.cluster.gpus)).all()
        return len(self.gpu) == self.mesh.world_size and bool(inside)

    @cached_property
    def domains(self) -> Domains:
        """For each tier the domain of every rank."""
        found = [self.cluster.gpu_node[self.gpu].astype(np.int32)]
        for tier in self.cluster.tiers[:-1]:
            found.append(tier.parent[found[-1]].astype(np.int32))
        return found

    @cached_property
    def counted(self) -> list[Traffic]:
        """Traffic of each tier, counted anew."""
        return recount(self.mesh, self.placement.workload.families, self.domains)

    @cached_property
    def weighted_s(self) -> float:
        """J: crossing bytes over the summed uplinks of the domains in service, over all tiers."""
        total = 0.0
        inside: NDArray[np.integer] = self.cluster.gpu_node[self.cluster.gpu_in_service]
        for tier, traffic in zip(self.cluster.tiers, self.counted, strict=True):
            serving = np.flatnonzero(np.bincount(inside, minlength=tier.domains))
            if tier.uplink_bytes_per_s is not None and traffic.crossing_bytes:
                capacity = math.fsum(tier.uplink_bytes_per_s[serving])
                total += traffic.crossing_bytes / capacity if capacity else math.inf
            inside = tier.parent[serving] if len(tier.parent) else serving
        return total

    @cached_property
    def bottleneck_s(self) -> float:
        """Longest time that any one domain needs for what leaves it."""
        worst = 0.0
        for tier, traffic in zip(self.cluster.tiers, self.counted, strict=True):
            busy = np.flatnonzero(traffic.egress_bytes)
            if tier.uplink_bytes_per_s is None or not busy.size:
                continue
            uplink = tier.uplink_bytes_per_s[busy]
            if not uplink.all():
                return math.inf
            worst = max(worst, float((traffic.egress_bytes[busy] / uplink).max()))
        return worst

    @property
    def value(self) -> float:
        """Value of the objective that was claimed."""
        if self.claims.objective is Objective.CROSS_NODE:
            return self.counted[self.cluster.boundary].crossing_bytes
        return self.bottleneck_s if self.claims.objective is Objective.BOTTLENECK else self.weighted_s

    def digests(self) -> Iterator[Finding]:
        """The file is as it was written, and holds the inputs it was made from."""
        if self.placement.stated:
            for covers, pair in self.placement.stated.digests.items():
                if pair.stated != pair.found:
                    yield Finding(
                        "K001",
                        f"digest of the {covers} is stated as {pair.stated}, its content gives {pair.found}: "
                        "it was changed after it was written",
                    )

    def table(self) -> Iterator[Finding]:
        """Every rank of the workload has one GPU, and no GPU two ranks."""
        if len(self.gpu) != self.mesh.world_size:
            yield Finding(
                "K002", f"{len(self.gpu)} ranks are placed, the workload has {self.mesh.world_size}"
            )
        nowhere = np.flatnonzero((self.gpu < 0) | (self.gpu >= self.cluster.gpus))
        if nowhere.size:
            each = [f"rank {rank} is on GPU {self.gpu[rank]}" for rank in nowhere[:SHOWN]]
            beyond = f"which the cluster of {self.cluster.gpus} GPUs does not have"
            yield Finding("K003", f"{listed(each, nowhere.size)}, {beyond}")
        order = np.argsort(self.gpu, kind="stable")
        twice = np.flatnonzero(self.gpu[order][1:] == self.gpu[order][:-1])
        if twice.size:
            each = [
                f"{self.name.rank(order[at])} and {self.name.rank(order[at + 1])} are both on "
                f"{self.name.gpu(self.gpu[order[at]])}"
                for at in twice[:SHOWN]
            ]
            yield Finding("K004", listed(each, twice.size))

    def hardware(self) -> Iterator[Finding]:
        """No rank is on hardware out of service, nor on a spare that the job can do without."""
        dead = np.flatnonzero(~self.cluster.gpu_in_service[self.gpu])
        if dead.size:
            yield Finding("K005", self._ranks_where(dead, "which is out of service"))
        spare = np.flatnonzero(self.cluster.gpu_spare[self.gpu])
        if spare.size and self._fits_without_spares():
            why = f"a spare, though the other GPUs are enough for {self.mesh.world_size} ranks"
            yield Finding("K006", self._ranks_where(spare, why))

    def _fits_without_spares(self) -> bool:
        """Whether counting shows that the job fits: by GPUs, or by whole groups where one rule holds.

        Several rules can fail together though each would hold alone; then nothing is said.
        """
        free = self.cluster.gpu_in_service & ~self.cluster.gpu_spare
        rules = [rule for rule in self.placement.workload.keep.items() if self.mesh.degree(rule[0]) > 1]
        if len(rules) > 1:
            return False
        size, domain = 1, np.zeros(self.cluster.gpus, np.int32)
        for axis, tier in rules:
            size = self.mesh.degree(axis)
            domain = self.cluster.domain_of_gpu[self.cluster.tier_index(tier)]
        groups = np.bincount(domain[free], minlength=1) // size
        return int(groups.sum()) * size >= self.mesh.world_size

    def columns(self) -> Iterator[Finding]:
        """The columns of the file's rank table agree with the GPUs."""
        stated = self.placement.stated.columns if self.placement.stated else {}
        own = {
            "node": self.cluster.gpu_node,
            "local_gpu": self.cluster.gpu_local,
            "nic": self.cluster.gpu_nic,
            "rail": self.cluster.gpu_rail,
        }
        for name, column in stated.items():
            found = own[name][self.gpu]
            wrong = np.flatnonzero(column != found)
            if wrong.size:
                each = [
                    f"{self.name.rank(rank)} on {self.name.gpu(self.gpu[rank])} has {name} {column[rank]}, "
                    f"expected {found[rank]}"
                    for rank in wrong[:SHOWN]
                ]
                yield Finding("K007", listed(each, wrong.size))

    def nics(self) -> Iterator[Finding]:
        """The NIC that a rank uses is there, in service and on the rail that the rank uses."""
        cluster = self.cluster
        nic = cluster.gpu_nic[self.gpu].astype(np.int64)
        used = np.flatnonzero(nic >= 0)
        index = self._nics(self.domains[0][used].astype(np.int64), nic[used])
        live = (index >= 0) & np.append(cluster.nic_in_service, np.False_)[index]
        dead = used[~live]
        if dead.size:
            yield Finding("K008", self._ranks_where(dead, "whose NIC is not in service"))
        good = used[live]
        off = good[cluster.nic_rail[index[live]] != cluster.gpu_rail[self.gpu[good]]]
        if off.size:
            yield Finding("K008", self._ranks_where(off, "whose rail is not that of its NIC"))

    def keep(self) -> Iterator[Finding]:
        """Groups that must stay inside one domain do."""
        names = [tier.name for tier in self.cluster.tiers]
        for axis, tier in self.placement.workload.keep.items():
            if tier not in names:
                yield Finding("K009", f"keep {axis}: {tier} names a tier that is none of {', '.join(names)}")
                continue
            who = membership(self.mesh, (axis,), None)
            domain = self.domains[self.cluster.tier_index(tier)][who.ranks]
            first = np.empty(who.groups, np.int64)
            first[who.group[::-1]] = domain[::-1]
            split = np.unique(who.group[domain != first[who.group]])
            if split.size:
                each = [
                    self.name.group(axis, tier, who.ranks[who.group == group], domain[who.group == group])
                    for group in split[:SHOWN]
                ]
                yield Finding("K009", f"keep {axis}: {tier} is broken: {listed(each, split.size)}")

    def memory(self) -> Iterator[Finding]:
        """Every GPU has the memory that its stage needs."""
        needed = self.placement.workload.memory_bytes
        if needed is None:
            return
        sizes = np.array([kind.memory_bytes or math.inf for kind in self.cluster.gpu_kinds])
        wants = np.asarray(needed)[self.mesh.coordinate("pp", np.arange(self.mesh.world_size))]
        has = sizes[self.cluster.gpu_kind[self.gpu]]
        short = np.flatnonzero(wants > has)
        if short.size:
            each = [
                f"{self.name.rank(rank)} needs {wants[rank]:.6g} bytes, "
                f"{self.name.gpu(self.gpu[rank])} has {has[rank]:.6g}"
                for rank in short[:SHOWN]
            ]
            yield Finding("K010", listed(each, short.size))

    def traffic(self) -> Iterator[Finding]:
        """Crossing bytes, J and value are as claimed."""
        names = [tier.name for tier in self.cluster.tiers]
        claimed = [each.tier for each in self.claims.tiers]
        if claimed != names:
            yield Finding(
                "K011", f"claims name the tiers {', '.join(claimed)}, the cluster has {', '.join(names)}"
            )
        else:
            for claim, found in zip(self.claims.tiers, self.counted, strict=True):
                if not self._same_bytes(claim.crossing_bytes, found.crossing_bytes):
                    yield Finding(
                        "K012",
                        f"{claim.crossing_bytes!r} bytes are claimed to cross tier {claim.tier}, "
                        f"counted {found.crossing_bytes!r}",
                    )
        for what, stated, value in (
            ("weighted sum", self.claims.weighted_s, self.weighted_s),
            (f"{self.claims.objective} objective", self.claims.value, self.value),
        ):
            if not _close(stated, value):
                yield Finding("K013", f"the {what} is claimed to be {stated!r}, recomputed {value!r}")

    def _same_bytes(self, stated: float, found: float) -> bool:
        """Whether two sums of bytes agree: exactly, where payloads are whole numbers and so are sums."""
        payloads = (each for family in self.placement.workload.families for each in family.payload_bytes)
        if found < 2**53 and all(float(each).is_integer() for each in payloads):
            return stated == found
        return _close(stated, found)

    def bounds(self) -> Iterator[Finding]:
        """No lower bound is above what was reached."""
        reached = [("objective", self.claims.lower_bound, min(self.claims.value, self.value))]
        reached += [
            (
                f"bytes of tier {claim.tier}",
                claim.lower_bound_bytes,
                min(claim.crossing_bytes, found.crossing_bytes),
            )
            for claim, found in zip(self.claims.tiers, self.counted, strict=False)
        ]
        for what, bound, value in reached:
            if not bound <= value * (1 + TOLERANCE):
                yield Finding("K014", f"the lower bound {bound!r} of the {what} is above the value {value!r}")

    def standing(self) -> Iterator[Finding]:
        """Gap and status follow from value and bound."""
        value, bound = self.claims.value, self.claims.lower_bound
        if self.placement.stated:
            gap, stated = self._gap(value, bound), self.placement.stated.gap
            if not _close(stated, gap):
                yield Finding("K015", f"the gap is stated as {stated!r}, value and bound give {gap!r}")
        if self.claims.status is Status.OPTIMAL and not _close(value, bound):
            yield Finding("K016", f"called optimal, but the value {value!r} is not the bound {bound!r}")

    def _gap(self, value: float, bound: float) -> float:
        if value <= bound:
            return 0.0
        return (value - bound) / bound if bound > 0 else math.inf

    def _nics(self, node: IntArray, local: IntArray) -> IntArray:
        """NICs with these nodes and indices in the node, -1 where there is none."""
        # A NIC's key: its node, then its index in the node. The last key is nobody's.
        keys = (self.cluster.nic_node.astype(np.int64) << 32) + self.cluster.nic_local
        order = np.argsort(keys, kind="stable")
        keys, order = np.append(keys[order], -1), np.append(order, -1)
        wanted = (node << 32) + local
        # Where a node's NICs are numbered from 0 each is as far from the first; others are looked for.
        first = np.searchsorted(keys[:-1], np.arange(self.cluster.nodes) << 32)
        place = np.minimum(first[node] + local, len(order) - 1)
        elsewhere = np.flatnonzero(keys[place] != wanted)
        place[elsewhere] = np.searchsorted(keys[:-1], wanted[elsewhere])
        return np.where(keys[place] == wanted, order[place], -1)

    def _ranks_where(self, ranks: IntArray, what: str) -> str:
        each = [f"{self.name.rank(rank)} is on {self.name.gpu(self.gpu[rank])}" for rank in ranks[:SHOWN]]
        return f"{listed(each, len(ranks))}, {what}"


def _close(stated: float, found: float) -> bool:
    return math.isclose(stated, found, rel_tol=TOLERANCE)
