"""How many spares to hold, and where, for a job to go on as it is for a given time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import InfeasibleError
from planner.repair.cells import Cells
from planner.repair.checkpoints import best_interval_s, progress_share
from planner.repair.failures import Components
from planner.repair.outages import MOST_ALLOWED, simulate_outages
from planner.repair.rules import levels_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner.repair.failures import Failures
    from planner.repair.outages import Outages
    from planner.topology.cluster import Cluster
    from planner.workload.workload import Workload

MOST_MARGINS = 3


@dataclass(frozen=True)
class Aim:
    """What is asked for.

    Parameters
    ----------
    time_s
        How long the job is to go on without shrinking.
    probability
        How surely.
    checkpoint_s, restart_s
        Seconds that training stands still for a checkpoint, and from a failure until it runs again.
    windows
        Simulated periods of `time_s`.
    seed
        Of the simulation.
    """

    time_s: float
    probability: float
    checkpoint_s: float
    restart_s: float
    windows: int
    seed: int


@dataclass(frozen=True)
class Shape:
    """What moves to spares as a whole, and in how large steps the job can shrink.

    Parameters
    ----------
    tier
        Tier of the cells: the outermost in which a rule keeps ranks together, else the node.
    cells, present
        Cells of the cluster, those that lack something included: they count as spares that
        are away. And those with a whole node.
    nodes, gpus
        Nodes of a whole cell, and GPUs of a whole node: what most have.
    group
        Ranks that lie in one cell together.
    step
        Cells that stop with a replica, or with as many replicas as share experts.
    given_cells, given_margin
        Cells that the job takes as the workload has it, and the nodes that it leaves free in each.
    """

    tier: int
    cells: int
    present: int
    nodes: int
    gpus: int
    group: int
    step: int
    given_cells: int
    given_margin: int

    @classmethod
    def of(cls, cluster: Cluster, workload: Workload) -> Shape:
        """The shape of a job on a cluster."""
        levels, mesh = levels_of(cluster, workload), workload.mesh
        tier, group = (levels[-1].tier, levels[-1].size) if levels else (0, 1)
        held = Cells.of(cluster, Components.of(cluster), tier)
        nodes, gpus = held.nodes, held.gpus
        unit = mesh.world_size // mesh.dp * mesh.dp_unit
        used = max(1, nodes * gpus // group) * group
        return cls(
            tier,
            len(held.lacking),
            held.present,
            nodes,
            gpus,
            group,
            step=max(1, -(-unit // used)),
            given_cells=-(-mesh.world_size // used),
            given_margin=max(0, (nodes * gpus - used) // max(1, gpus)),
        )

    def used_gpus(self, margin: int) -> int:
        """GPUs of a cell that the job uses where `margin` of its nodes are spares."""
        return (self.nodes - margin) * self.gpus


@dataclass(frozen=True)
class Policy:
    """A way to hold spares, and what comes of it.

    Parameters
    ----------
    as_given
        Whether the job is as large as the workload has it, rather than as large as there is room for.
    margin
        Spare nodes in every cell.
    where
        Tier in each of whose domains whole cells are spare; empty for anywhere in the cluster.
    needed_cells
        Whole cells that have to be spare, all together.
    spare_cells
        Those that are: also cells that make up no whole replica.
    each
        Of those needed, in each domain of `where`; 0 for anywhere.
    job_gpus, spare_gpus
        GPUs that the job uses, and that it leaves free.
    survives
        Share of the periods in which the job never had to shrink.
    running_gpus
        GPUs that the job uses on average, shrunk for as long as spares are lacking.
    interrupted_s
        Mean time between failures that stop the job.
    interval_s
        Work between checkpoints that loses the least.
    goodput
        Share of the cluster's GPU time that is progress.
    group_fits
        Whether the ranks that the workload keeps together fit in what the job uses of a cell.
    """

    as_given: bool
    margin: int
    where: str
    needed_cells: int
    spare_cells: int
    each: int
    job_gpus: int
    spare_gpus: int
    survives: float
    running_gpus: float
    interrupted_s: float
    interval_s: float
    goodput: float
    group_fits: bool


@dataclass(frozen=True)
class Advice:
    """What was found.

    Parameters
    ----------
    policies
        All that were looked at, the one without spares first.
    best
        Place of the policy with the most goodput among those that reach the aim and fit the workload, or
        else among those that reach it; None where none does.
    """

    shape: Shape
    failures: Failures
    counts: dict[str, float]
    outages: Outages
    policies: tuple[Policy, ...]
    best: int | None


def advise(
    cluster: Cluster,
    workload: Workload,
    failures: Failures,
    aim: Aim,
    progress: Callable[[int, int], None] | None = None,
) -> Advice:
    """Simulate failures and weigh the ways to hold spares.

    Raises
    ------
    InfeasibleError
        S007 where even the smallest job of its kind does not fit the cluster.
    """
    shape = Shape.of(cluster, workload)
    if shape.present < shape.step:
        raise InfeasibleError.of(
            "S007",
            f"one replica takes {shape.step:,} {cluster.tiers[shape.tier].name}s of {shape.present:,}",
            expected="a cluster that holds at least one replica",
        )
    outages = simulate_outages(
        cluster,
        failures,
        tier=shape.tier,
        margins=min(MOST_MARGINS, shape.nodes),
        window_s=aim.time_s,
        windows=aim.windows,
        seed=aim.seed,
        progress=progress,
    )
    counts = Components.of(cluster).counts()
    weigh = _Weigh(cluster, shape, outages, failures, counts, aim)
    policies = tuple(weigh.policies())
    return Advice(shape, failures, counts, outages, policies, _best(policies, aim))


def _best(policies: tuple[Policy, ...], aim: Aim) -> int | None:
    good = [place for place, each in enumerate(policies) if each.survives >= aim.probability]
    fitting = [place for place in good if policies[place].group_fits]
    return max(fitting or good, key=lambda place: policies[place].goodput, default=None)


class _Weigh:
    """Makes policies out of what was simulated."""

    def __init__(
        self,
        cluster: Cluster,
        shape: Shape,
        outages: Outages,
        failures: Failures,
        counts: dict[str, float],
        aim: Aim,
    ) -> None:
        self.cluster, self.shape, self.outages, self.aim = cluster, shape, outages, aim
        self.failures, self.counts = failures, counts

    def policies(self) -> Iterator[Policy]:
        """None; as given; whole cells in each domain of the outer tiers, or anywhere, by margin."""
        most = self.shape.cells // self.shape.step * self.shape.step
        yield self._anywhere(0, most)
        if (self.shape.given_margin, self.shape.given_cells) != (0, most):
            yield from self._as_given()
        for place, tier in enumerate(self.cluster.tiers[self.shape.tier + 1 : -1]):
            yield from self._inside(place, tier.name)
        for margin in range(self.outages.most.shape[1]):
            wanted = _enough(self.outages.most[:, margin], self.aim.probability)
            cells = (self.shape.cells - wanted) // self.shape.step * self.shape.step
            if cells > 0 and (margin, cells) != (0, most):
                yield self._anywhere(margin, cells, wanted)

    def _as_given(self) -> Iterator[Policy]:
        """The job with all that it leaves free, where that can be told."""
        shape = self.shape
        if shape.given_cells <= shape.cells and shape.given_margin < self.outages.most.shape[1]:
            made = self._anywhere(shape.given_margin, shape.given_cells)
            yield replace(made, as_given=True)

    def _anywhere(self, margin: int, cells: int, wanted: int = 0) -> Policy:
        """A job of so many cells; all others are spare, of which so many are needed."""
        shape, most = self.shape, self.outages.most[:, margin]
        spare = shape.cells - cells
        left = np.maximum(0, shape.cells - np.arange(self.outages.share.shape[1]))
        running = np.where(left < cells, left // shape.step * shape.step, cells)
        mean = float(self.outages.share[margin] @ running)
        return self._policy(margin, "", (wanted, spare, 0), float((most <= spare).mean()), mean)

    def _inside(self, place: int, tier: str) -> Iterator[Policy]:
        """Enough spare cells in each domain of an outer tier; nothing where that takes too many or none."""
        most = self.outages.most_inside[:, 0, place]
        each = _enough(most, self.aim.probability)
        shape = self.shape
        spare = each * self.cluster.tiers[shape.tier + 1 + place].domains
        cells = (shape.cells - spare) // shape.step * shape.step
        if not 0 < each <= MOST_ALLOWED or cells <= 0:
            return
        # A cell without a spare in its domain stops its replicas.
        stopped = shape.step * float(self.outages.beyond[0, place, each])
        survives = float((most <= each).mean())
        held = (spare, shape.cells - cells, each)
        yield self._policy(0, tier, held, survives, max(0.0, cells - stopped))

    def _policy(
        self, margin: int, where: str, held: tuple[int, int, int], survives: float, running: float
    ) -> Policy:
        """A policy that holds so many cells: needed, in all, in each domain."""
        shape, aim = self.shape, self.aim
        needed, spare, each = held
        used = shape.used_gpus(margin)
        job = (shape.cells - spare) * used
        total = int(self.counts["gpu"])
        between = self._interrupted_s(running * used)
        interval = best_interval_s(aim.checkpoint_s, between)
        share = progress_share(interval, aim.checkpoint_s, aim.restart_s, between)
        return Policy(
            as_given=False,
            margin=margin,
            where=where,
            needed_cells=needed,
            spare_cells=spare,
            each=each,
            job_gpus=job,
            spare_gpus=max(0, total - job),
            survives=survives,
            running_gpus=running * used,
            interrupted_s=between,
            interval_s=interval,
            goodput=running * used / total * share,
            group_fits=used >= shape.group,
        )

    def _interrupted_s(self, gpus: float) -> float:
        """Mean time between failures of what a job of so many GPUs uses, racks with it in part."""
        part = gpus / self.counts["gpu"]
        rate = part * sum(count / self.failures.mtbf_s[kind] for kind, count in self.counts.items())
        return 1 / rate if rate > 0 else inf


def _enough(most: np.ndarray[tuple[int], np.dtype[np.int64]], probability: float) -> int:
    """The fewest spares that are enough in that share of the periods."""
    ordered = np.sort(most)
    return int(ordered[min(len(ordered) - 1, max(0, int(np.ceil(probability * len(ordered))) - 1))])
