"""What a rank of every stage does in one step, in order: passes, sends, receives, collectives.

Ranks of a stage all do the same, so one order a stage says all there is. Passes come in the order of the
schedule's program (`planner.cost.schedules`), what they move in the order of one clock for the whole
pipeline, see `order`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner.cost.collectives import Collectives
from planner.cost.operations import Kind, Operation
from planner.cost.schedules import Pass, program
from planner.cost.timeline import Durations, StuckError, neighbours, run
from planner.workload.job import DataParallel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from planner.cost.operations import Label
    from planner.cost.schedules import Program
    from planner.workload.family import Family
    from planner.workload.job import Job

    Row = tuple[float, ...]

SEND = {"forward": Kind.SEND_OUTPUT, "backward": Kind.SEND_GRADIENT}
RECEIVE = {"forward": Kind.RECEIVE_INPUT, "backward": Kind.RECEIVE_GRADIENT}


@dataclass(frozen=True)
class Turn:
    """A pass of a stage, or two that run together, with what it moves.

    Parameters
    ----------
    passes
        The passes, and the collectives within them.
    receives, sends
        What they need from other stages, and what they give to others.
    start, end
        When they run, in the common clock.
    arrives
        When each of `receives` is sent off.
    """

    passes: tuple[Operation, ...]
    receives: tuple[Operation, ...] = ()
    sends: tuple[Operation, ...] = ()
    start: float = 0.0
    end: float = 0.0
    arrives: tuple[float, ...] = ()


@dataclass(frozen=True)
class Order:
    """The order of a job.

    Parameters
    ----------
    turns
        Those of each stage.
    runs
        Whether the passes can be run at all, however their results are moved.
    """

    turns: tuple[tuple[Turn, ...], ...]
    runs: bool = True

    def operations(self, stage: int) -> list[Operation]:
        """All operations of a stage by the clock: a transfer, at either end, where its pass has ended."""
        timed: list[tuple[float, tuple[str | int, ...], int, Operation]] = []
        for place, turn in enumerate(self.turns[stage]):
            moved = [
                *zip(turn.receives, turn.arrives, strict=True),
                *((each, turn.end) for each in turn.sends),
            ]
            # Of one moment transfers come first, in an order that is the same at their other ends.
            timed += [(at, (0, *(each.meets or ())), 0, each) for each, at in moved]
            timed += [(turn.start, (1,), place, each) for each in turn.passes]
        timed.sort(key=lambda each: each[:3])
        return [operation for *_, operation in timed]


def order(made: Program, families: Iterable[Family] = (), *, in_rounds: bool = False) -> Order:
    """What each stage does under a schedule.

    The clock is that of the schedule when a forward and either half of a backward take one unit each
    and transfers no time. A transfer has the moment at which its pass ends, for both of its ends, and
    transfers of one moment a fixed order: so stages that share transfers have them in the same order,
    and nothing that an operation waits for comes later in the clock than itself.

    Parameters
    ----------
    families
        Collectives of the job.
    in_rounds
        Whether parameters are gathered and gradients reduced in every microbatch, as fsdp does.
    """
    timed = _timed(made)
    rows = timed or [[(*row, 0.0, 0.0) for row in own.tolist()] for own in made.order]
    builder = _Builder(made, rows, Collectives(tuple(families), len(rows), in_rounds))
    return Order(tuple(builder.turns(stage) for stage in range(len(rows))), timed is not None)


def job_order(job: Job, families: Iterable[Family] = ()) -> Order:
    """What each stage does in a step of a job with these families of collectives."""
    made = program(job.schedule, job.mesh.pp, job.mesh.vp, job.num_microbatches)
    return order(made, families, in_rounds=job.data_parallel is DataParallel.FSDP)


def _timed(made: Program) -> list[list[Row]] | None:
    """Rows of the program as they run, weight halves in their places, each with its start and end.

    None where stages wait for each other in a circle.
    """
    shape = made.position.shape
    one = np.ones(shape)
    try:
        played = run(made, Durations(one, one, one, np.zeros(shape)))
    except StuckError:
        return None
    table = np.stack((played.kind, played.chunk, played.microbatch, played.start, played.end), axis=1)
    timed: list[list[Row]] = []
    for stage, own in enumerate(made.order):
        ran = table[played.stage == stage]
        together = np.full((len(ran), 2), -1.0) if made.fills else own[:, 3:]
        timed.append([tuple(row) for row in np.hstack((ran[:, :3], together, ran[:, 3:])).tolist()])
    return timed


def _parts(row: Row) -> Iterator[tuple[str, Kind, int, int]]:
    """The passes of a row: what it gives, its kind, chunk and microbatch."""
    kind, chunk, index, back, at = map(int, row[:5])
    match kind:
        case Pass.TOGETHER:
            yield "forward", Kind.FORWARD, chunk, index
            yield "backward", Kind.BACKWARD, back, at
        case Pass.BY_WEIGHT:
            yield "weight", Kind.BY_WEIGHT, chunk, index
        case Pass.FORWARD:
            yield "forward", Kind.FORWARD, chunk, index
        case _:
            yield "backward", Kind(kind), chunk, index


class _Builder:
    """Makes the turns of every stage from the rows of its passes."""

    def __init__(self, made: Program, rows: Sequence[Sequence[Row]], collectives: Collectives) -> None:
        before, after = neighbours(made)
        self.sources = {"forward": before.tolist(), "backward": after.tolist()}
        self.targets = {"forward": after.tolist(), "backward": before.tolist()}
        self.rows, self.collectives = rows, collectives
        self.ends: dict[Label, float] = {
            (name, stage, chunk, index): row[-1]
            for stage, own in enumerate(rows)
            for row in own
            for name, _, chunk, index in _parts(row)
        }

    def turns(self, stage: int) -> tuple[Turn, ...]:
        """All turns of a stage, those before and after its passes included."""
        made = [self._turn(stage, row) for row in self.rows[stage]]
        last = made[-1].end if made else 0.0
        return (
            Turn(tuple(self.collectives.before_all(stage))),
            *made,
            Turn(tuple(self.collectives.after_all(stage)), start=last, end=last),
        )

    def _turn(self, stage: int, row: Row) -> Turn:
        passes: list[Operation] = []
        receives: list[Operation] = []
        sends: list[Operation] = []
        for name, kind, chunk, index in _parts(row):
            received = [*self._receive(name, stage, chunk, index)]
            needs = self._needs(name, stage, chunk, index)
            needs += [each.gives for each in received if each.gives]
            gives = (name, stage, chunk, index)
            passes += self._collectives(name, stage, chunk, index)
            passes.append(Operation(kind, stage, chunk, index, gives=gives, needs=tuple(needs)))
            if name == "backward":
                passes += self.collectives.after_backward(stage, chunk, index)
            receives += received
            sends += self._send(name, stage, chunk, index)
        arrives = tuple(self._sent_at(each) for each in receives)
        return Turn(tuple(passes), tuple(receives), tuple(sends), row[-2], row[-1], arrives)

    def _collectives(self, name: str, stage: int, chunk: int, index: int) -> Iterator[Operation]:
        if name != "weight":
            yield from self.collectives.before_pass(stage, chunk, index, backward=name == "backward")

    def _needs(self, name: str, stage: int, chunk: int, index: int) -> list[Label]:
        """What a pass needs of its own stage."""
        own = {"backward": "forward", "weight": "backward"}.get(name)
        needs: list[Label] = [(own, stage, chunk, index)] if own else []
        if name in self.sources:
            source, source_chunk = self.sources[name][stage][chunk]
            if source == stage:
                needs.append((name, stage, source_chunk, index))
        return needs

    def _receive(self, name: str, stage: int, chunk: int, index: int) -> Iterator[Operation]:
        """What a pass needs of another stage."""
        source = self.sources[name][stage][chunk][0] if name in self.sources else -1
        if source not in (-1, stage):
            yield Operation(
                RECEIVE[name],
                stage,
                chunk,
                index,
                source,
                gives=(f"{name} received", stage, chunk, index),
                meets=(name, stage, chunk, index),
                parties=2,
            )

    def _send(self, name: str, stage: int, chunk: int, index: int) -> Iterator[Operation]:
        """What a pass gives to another stage."""
        target, target_chunk = self.targets[name][stage][chunk] if name in self.targets else (-1, -1)
        if target not in (-1, stage):
            yield Operation(
                SEND[name],
                stage,
                chunk,
                index,
                target,
                needs=((name, stage, chunk, index),),
                meets=(name, target, target_chunk, index),
                parties=2,
            )

    def _sent_at(self, received: Operation) -> float:
        """When the pass ends that gives what is received."""
        name = "forward" if received.kind is Kind.RECEIVE_INPUT else "backward"
        source, chunk = self.sources[name][received.stage][received.chunk]
        return self.ends.get((name, source, chunk, received.microbatch), 0.0)
