"""Whether a step can come to a standstill: operations that wait for each other in a circle.

An order (`planner.cost.order`) is run without any clock. A transfer is a rendezvous, as NCCL's are: it
takes place once both ends have come to it. A collective takes place once all of its members have. What
stands in one queue is done in its order, and all in one item at once.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from planner.cost.order import job_order
from planner.cost.posting import Posting
from planner.errors import UsageError
from planner.workload.load import job_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.cost.operations import Label, Operation
    from planner.cost.order import Order
    from planner.workload.workload import Workload

    Meeting = tuple[str | int, ...]
    Item = tuple[Operation, ...]
    Queue = Sequence[Item]


@dataclass(frozen=True)
class Safety:
    """What a check of an order found.

    Parameters
    ----------
    operations
        How many operations were run, all stages together.
    waits
        Operations that wait, each for the next; empty where all ran.
    in_a_circle
        Whether the last of them waits for the first, rather than for what no stage ever does.
    mismatches
        Sentences on stages that do not send what the other side receives, in its order.
    """

    operations: int
    waits: tuple[Operation, ...] = ()
    in_a_circle: bool = False
    mismatches: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is amiss."""
        return not self.waits and not self.mismatches

    @property
    def story(self) -> str:
        """Who waits for what, and who holds that up, in words; empty where all ran."""
        if not self.waits:
            return ""
        parts = [f"stage {self.waits[0].stage} waits {self.waits[0]}"]
        parts += [_because(one, other) for one, other in pairwise(self.waits)]
        if not self.in_a_circle:
            parts.append("which never comes")
        elif self.waits[-1].stage == self.waits[0].stage:
            parts.append(f"and before that {self.waits[0]}")
        elif self.waits[-1].peer != self.waits[0].stage:
            parts.append(f"for which stage {self.waits[0].stage} is needed")
        return ", ".join(parts)


def _because(one: Operation, other: Operation) -> str:
    """Why `one` cannot take place: `other` has not."""
    if other.stage == one.stage:
        return f"and before that {other}"
    if one.peer == other.stage:
        return f"which waits {other}"
    return f"to which stage {other.stage} does not come, as it waits {other}"


def examine_workload(workload: Workload, posting: Posting = Posting.STREAMS) -> Safety:
    """Run a step of a job, its collectives included.

    All replicas do the same, so one rank a stage stands for all of it.

    Raises
    ------
    UsageError
        U009 where the workload gives no schedule.
    """
    job = job_of(workload)
    if job is None:
        raise UsageError.of(
            "U009",
            f"{workload.name} gives its traffic outright and no schedule",
            expected="a workload with model, batch and parallelism, from which the order of a step follows",
        )
    return examine(job_order(job, workload.families), posting)


def examine(of: Order, posting: Posting = Posting.STREAMS) -> Safety:
    """Run an order to its end, or to where it stands still."""
    return examine_queues([*queues(of, posting)])


def examine_queues(of: Sequence[Queue]) -> Safety:
    """Run queues to their end, or to where they stand still."""
    running = _Run(of)
    running.run()
    count = sum(len(item) for queue in of for item in queue)
    waits, in_a_circle = running.waits()
    return Safety(count, waits, in_a_circle, tuple(mismatches(of)))


def queues(of: Order, posting: Posting) -> Iterator[list[Item]]:
    """The queues of all stages."""
    for stage, turns in enumerate(of.turns):
        if posting is Posting.STREAMS:
            yield from _streams(of, stage)
            continue
        made: list[Item] = [()]
        for turn in turns:
            made[-1] += turn.receives
            made += [turn.passes, turn.sends]
        if posting is Posting.APART:
            made = [(operation,) for item in made for operation in item]
        yield [item for item in made if item]


def _streams(of: Order, stage: int) -> Iterator[list[Item]]:
    """Passes and transfers of a stage; each transfer by itself where no clock can order them."""
    operations = of.operations(stage)
    moved: list[Item] = [(each,) for each in operations if each.is_send or each.is_receive]
    yield [(each,) for each in operations if not (each.is_send or each.is_receive)]
    yield from [moved] if of.runs else [[item] for item in moved]


def mismatches(of: Sequence[Queue]) -> Iterator[str]:
    """Pairs of stages of which one receives other than the other sends: NCCL pairs them in their order."""
    sent: defaultdict[tuple[int, int], list[Operation]] = defaultdict(list)
    received: defaultdict[tuple[int, int], list[Operation]] = defaultdict(list)
    for each in (operation for queue in of for item in queue for operation in item):
        if each.is_send:
            sent[each.stage, each.peer].append(each)
        elif each.is_receive:
            received[each.peer, each.stage].append(each)
    for source, target in sorted({*sent, *received}):
        yield from _mismatch(source, target, sent[source, target], received[source, target])


def _mismatch(
    source: int, target: int, sent: Sequence[Operation], received: Sequence[Operation]
) -> Iterator[str]:
    """The first transfer from `source` to `target` whose ends differ."""
    for place, (one, other) in enumerate(zip(sent, received, strict=False)):
        if one.meets != other.meets:
            yield f"transfer {place + 1} between them: stage {source} is {one}, stage {target} {other}"
            return
    if len(sent) != len(received):
        counts = f"{len(sent)} times to stage {target}, which receives {len(received)} times"
        yield f"stage {source} sends {counts}"


class _Run:
    """Runs queues; every item is looked at once for each thing that it waits for."""

    def __init__(self, of: Sequence[Queue]) -> None:
        self.queues = of
        self.place = [0] * len(of)
        self.done: set[Label] = set()
        self.here: defaultdict[Meeting, set[int]] = defaultdict(set)
        self.waiting: defaultdict[Meeting, list[int]] = defaultdict(list)
        self.blocker: dict[int, tuple[Operation, Label | None]] = {}

    def run(self) -> None:
        """Until nothing moves."""
        ready = deque(range(len(self.queues)))
        while ready:
            queue = ready.popleft()
            while self.place[queue] < len(self.queues[queue]) and self._begins(queue, ready):
                item = self.queues[queue][self.place[queue]]
                self.place[queue] += 1
                for operation in item:
                    if operation.gives is not None:
                        self.done.add(operation.gives)
                        ready += self.waiting.pop(operation.gives, ())

    def _begins(self, queue: int, ready: deque[int]) -> bool:
        """Whether the next item of a queue can take place; else what it waits for is noted."""
        item = self.queues[queue][self.place[queue]]
        for operation in item:
            for label in operation.needs:
                if label not in self.done:
                    self._wait(queue, operation, label)
                    return False
        for operation in item:
            self._arrive(queue, operation, ready)
        for operation in item:
            if operation.meets is not None and len(self.here[operation.meets]) < operation.parties:
                self._wait(queue, operation, None)
                return False
        return True

    def _arrive(self, queue: int, operation: Operation, ready: deque[int]) -> None:
        """The operation has come to where it meets others, which may have waited for it."""
        if operation.meets is not None and queue not in self.here[operation.meets]:
            self.here[operation.meets].add(queue)
            if len(self.here[operation.meets]) == operation.parties:
                ready += self.waiting.pop(operation.meets, ())

    def _wait(self, queue: int, operation: Operation, label: Label | None) -> None:
        self.blocker[queue] = (operation, label)
        self.waiting[label or operation.meets or ()].append(queue)

    def waits(self) -> tuple[tuple[Operation, ...], bool]:
        """Where queues stand still, each for the next, and whether the last does for the first."""
        stuck = [queue for queue, place in enumerate(self.place) if place < len(self.queues[queue])]
        path: list[int] = []
        following = stuck[0] if stuck else None
        while following is not None and following not in path:
            path.append(following)
            following = self._held_up_by(following)
        begin = 0 if following is None else path.index(following)
        return tuple(self.blocker[queue][0] for queue in path[begin:]), following is not None

    def _held_up_by(self, queue: int) -> int | None:
        """A queue that has yet to do what this one waits for; None where none will."""
        operation, label = self.blocker[queue]
        for other, place in enumerate(self.place):
            ahead = (each for item in self.queues[other][place:] for each in item)
            if any(
                each.gives == label if label else self._is_missed(each, operation, other) for each in ahead
            ):
                return other
        return None

    def _is_missed(self, each: Operation, operation: Operation, queue: int) -> bool:
        """Whether `each` is one of those that `operation` waits for and that have not come."""
        return each.meets == operation.meets and queue not in self.here[each.meets or ()]
