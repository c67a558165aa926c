"""What all adapters share: a process that reads a job and prints one answer a line.

    python -m tests.benchmarks.peers.ADAPTER JOB.npz --setting NAME --seeds 0 1 2 --limit 60

Every seed renumbers the cells at random before the tool sees them. A run that takes longer than the
limit ends the process by SIGALRM, which also stops a tool in the middle of its own code; answers
printed before that stand.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.benchmarks.peers.job import load
from tests.benchmarks.peers.repair import levels_of, repaired

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tests.benchmarks.peers.job import Job

THREADS = 2
MOST_MEMORY_BYTES = 6 << 30


class Watch:
    """Seconds spent inside the tool: ``with watch:`` around each of its calls."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._start = 0.0

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._start


@dataclass(frozen=True, eq=False)
class Answer:
    """A tool's placement.

    Parameters
    ----------
    node
        Node of every cell, shape (cells,).
    seconds
        Time the tool took, without the time to start it and to hand over the job.
    reported
        The cost in the tool's own count, where it says.
    moved
        Cells that had to be moved out of overfilled nodes.
    """

    node: NDArray[np.int64]
    seconds: float
    reported: int | None = None
    moved: int = 0


def answer_of(job: Job, node: NDArray[np.int64], watch: Watch, reported: int | None = None) -> Answer:
    """A placement on all tiers at once; overfilled nodes are repaired at the cost of all tiers."""
    node, moved = repaired(job.task, node, levels_of(job))
    return Answer(node, watch.seconds, reported, moved)


def main(place: Callable[[Job, str, int], list[Answer]]) -> None:
    """Run `place` of a job, a setting and a seed for every seed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("job", type=Path)
    parser.add_argument("--setting", default="")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--limit", type=float, default=60.0)
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    job = load(arguments.job)
    for seed in arguments.seeds:
        order = np.random.default_rng(seed).permutation(job.task.cells)
        signal.setitimer(signal.ITIMER_REAL, arguments.limit)
        answers = place(job.shuffled(order), arguments.setting, seed)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for answer in answers:
            print_answer(answer, order, seed)


def print_answer(answer: Answer, order: NDArray[np.int64], seed: int) -> None:
    """One line of JSON, for the cells as they were numbered before."""
    node = np.empty_like(answer.node)
    node[order] = answer.node
    record = {
        "seed": seed,
        "seconds": answer.seconds,
        "reported": answer.reported,
        "moved": answer.moved,
        "node": node.tolist(),
    }
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()
