"""A soak of failures and repairs on the flagship, every step checked.

Hardware fails and returns at random (seeded): GPUs, NICs, trays, racks, now and then a unit. About as
much is out of service at a time as `--down` says. After every event the job is replanned from where it is,
and the placement must pass the independent checker; moves are held against their proven lower bound. Where
the gap has grown beyond `--gap`, up to `--improve` moves are spent to make it smaller. Every `--fresh`
events, and at the end, the same job is planned afresh on the same hardware, and how far the objective has
drifted from that is printed. It fails where a placement does not pass, or has drifted by over 5 %.

    python -m tests.benchmarks.churn
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console

from planner.placement.check import check
from planner.repair import Health, Wishes, replan, with_health
from planner.solve import solve
from planner.topology.load import load_topology
from planner.workload.load import load_workload

# What fails, how often, and how many tiers up from the node it is; GPUs and NICs are below it.
KINDS = (("gpu", 0.45), ("nic", 0.1), ("tray", 0.38), ("rack", 0.06), ("unit", 0.01))
SEED = 220032
GAP = 0.03
GROWN = 0.003
MOST_DRIFT = 0.05


@dataclass
class Soak:
    """What happened so far.

    Parameters
    ----------
    events
        Failures and repairs.
    moved
        Ranks moved in all.
    excess
        Moves beyond the lower bound, in all.
    spent, improved
        Moves to make the gap smaller, in all, and how often some were spent.
    resized
        Events after which the job had another number of replicas.
    drift
        Objective over that of a plan made afresh, less 1, at each comparison.
    gaps
        Gap of the placement after each event.
    seconds
        Of each replanning.
    """

    events: int = 0
    moved: int = 0
    excess: int = 0
    spent: int = 0
    improved: int = 0
    resized: int = 0
    drift: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class Hardware:
    """A cluster of which parts fail and return.

    Parameters
    ----------
    cluster
        The hardware as it is at the beginning; what is out of service then stays so.
    down
        Failures that are out of service at a time, about.
    seed
        Of the events.
    """

    def __init__(self, cluster, down, seed):
        self.cluster, self.most = cluster, down
        self.random = np.random.default_rng(seed)
        self.failed = []
        dead = np.ones(cluster.nodes, np.bool_)
        dead[cluster.gpu_node[cluster.gpu_in_service]] = False
        self.always = [cluster.domain_path(0, int(node)) for node in np.flatnonzero(dead)]

    def event(self):
        """What fails and what returns next, as selectors."""
        returns = self.failed and self.random.random() < 0.5 * len(self.failed) / self.most
        if returns:
            back = self.failed.pop(int(self.random.integers(len(self.failed))))
            # What is broken twice returns when the last of it is mended, and what was out of service at
            # the beginning does not.
            inside = [path for path in self.always if path.startswith(f"{back}/") or path == back]
            return Health(up=[back], down=[*self.failed, *inside])
        selector = self._draw()
        self.failed.append(selector)
        return Health(down=[selector])

    def _draw(self):
        """Something in service that fails."""
        cluster = self.cluster
        kind = self.random.choice([name for name, _ in KINDS], p=[share for _, share in KINDS])
        gpu = int(self.random.choice(np.flatnonzero(cluster.gpu_in_service)))
        node = int(cluster.gpu_node[gpu])
        tier = {"rack": 1, "unit": 2}.get(kind, 0)
        path = cluster.domain_path(tier, int(cluster.domain_of_gpu[tier][gpu]))
        if kind == "gpu":
            return f"{path}/gpu{int(cluster.gpu_local[gpu])}"
        if kind == "nic":
            nics = cluster.nic_local[cluster.nic_node == node]
            return f"{path}/nic{int(self.random.choice(nics))}"
        return path


def soak(topology, workload, events, *, down, fresh, improve=0, gap=GAP, seed=SEED, told=None):
    """Replan through `events` failures and repairs; raises AssertionError where a placement fails the check.

    Parameters
    ----------
    fresh
        Events between two comparisons with a plan made afresh.
    improve
        Moves that may be spent where the gap has grown too large.
    gap
        Gap that is too large.
    told
        Called with what happened so far after every event.
    """
    cluster, job = load_topology(topology), load_workload(workload)
    placement = solve(cluster, job, deterministic=True).placement
    hardware, found = Hardware(cluster, down, seed), Soak()
    whole, too_large = job.mesh.dp, gap
    for _ in range(events):
        change = hardware.event()
        changed = with_health(placement.cluster, change)
        repair = replan(placement, changed, Wishes(dp=whole))
        report = check(repair.placement, rails=False)
        assert report.ok, [str(finding) for finding in report.findings]
        found.events += 1
        found.moved += len(repair.moved)
        found.excess += len(repair.moved) - repair.moved_lower_bound
        found.resized += repair.dp_before != repair.placement.workload.mesh.dp
        found.gaps.append(repair.placement.claims.gap)
        found.seconds.append(repair.seconds)
        placement = repair.placement
        if improve and placement.claims.gap > too_large:
            placement = gathered(placement, improve, gap, found)
            # What is left of the gap may be there to stay; it is not looked at again before it has grown.
            too_large = max(gap, placement.claims.gap + GROWN)
        if found.events % fresh == 0 or found.events == events:
            planned = solve(placement.cluster, placement.workload, deterministic=True).placement
            found.drift.append(placement.claims.value / planned.claims.value - 1)
        if told is not None:
            told(found)
    return found


def gathered(placement, most, gap, found):
    """The placement with up to `most` moves spent on its gap; on a plan made afresh where others do not do.

    To plan afresh takes far longer, and in large jobs moves more than that.
    """
    for try_afresh in (False, True):
        better = replan(placement, placement.cluster, Wishes(max_moves=most, try_afresh=try_afresh))
        if better.placement.claims.gap <= gap:
            break
    assert check(better.placement, rails=False).ok
    found.spent += len(better.moved)
    found.improved += 1
    return better.placement


def line(found):
    """What happened so far, on one line."""
    drift = f"{100 * max(found.drift):.2f} %" if found.drift else "-"
    return (
        f"{found.events:6,} events  {found.moved:8,} moved, {found.excess:,} beyond the bound, "
        f"{found.spent:,} more for the gap at {found.improved:,} times  {found.resized:,} resizes  "
        f"gap {100 * found.gaps[-1]:.2f} %, at most {100 * max(found.gaps):.2f} %  "
        f"over a fresh plan at most {drift}  {np.median(found.seconds):.3f} s a replan"
    )


def main() -> None:
    """Print a line from time to time, and one at the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--topology", default="gb300-220k-degraded")
    parser.add_argument("--workload", default="moe-6t-220k-degraded")
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--down", type=int, default=100, help="failures out of service at a time, about")
    parser.add_argument("--fresh", type=int, default=250, help="events between two plans made afresh")
    parser.add_argument("--improve", type=int, default=4096, help="moves to spend on a gap too large")
    parser.add_argument("--gap", type=float, default=GAP, help="gap that is too large")
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    started, worked = time.monotonic(), time.process_time()

    def told(found):
        if found.events % 100 == 0:
            Console(stderr=True, width=200).print(line(found), highlight=False)

    found = soak(
        arguments.topology,
        arguments.workload,
        arguments.events,
        down=arguments.down,
        fresh=arguments.fresh,
        improve=arguments.improve,
        gap=arguments.gap,
        seed=arguments.seed,
        told=told,
    )
    console = Console(width=200, highlight=False)
    console.print(line(found))
    spent = f"{time.monotonic() - started:.0f} s, {time.process_time() - worked:.0f} s of CPU time"
    console.print(f"every placement passed the check; {spent}")
    if max(found.drift, default=0.0) > MOST_DRIFT:
        raise SystemExit(f"a placement drifted by over {100 * MOST_DRIFT:.0f} % from a plan made afresh")


if __name__ == "__main__":
    main()
