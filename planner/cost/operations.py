"""Operations of a training step, as a deadlock check and a program that runs them see them."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

Label = tuple[str, int, int, int]
"""Something that is there once an operation is done: what, of which stage, chunk and microbatch."""


class Kind(IntEnum):
    """Kinds of operations; passes are numbered as those of `planner.cost.schedules`."""

    FORWARD = 0
    BACKWARD = 1
    BY_INPUT = 2
    BY_WEIGHT = 3
    SEND_OUTPUT = 4
    SEND_GRADIENT = 5
    RECEIVE_INPUT = 6
    RECEIVE_GRADIENT = 7
    COLLECTIVE = 8


class Operation(NamedTuple):
    """One thing that every rank of a stage does.

    Parameters
    ----------
    kind
        What it is.
    stage, chunk, microbatch
        Whose it is; chunk and microbatch -1 for what is done once a step.
    peer
        Stage at the other end of a send or receive, else -1.
    family
        Of a collective.
    gives
        What is there once it is done; None for nothing that others wait for.
    needs
        What must be there before it can begin.
    meets
        What it has in common with those that it takes place with at once: the other end of a
        transfer, or the same collective on other stages; None for what a stage does by itself.
    parties
        How many those are, itself included.
    """

    kind: Kind
    stage: int
    chunk: int = -1
    microbatch: int = -1
    peer: int = -1
    family: str = ""
    gives: Label | None = None
    needs: tuple[Label, ...] = ()
    meets: tuple[str | int, ...] | None = None
    parties: int = 1

    @property
    def is_send(self) -> bool:
        """Whether something goes to another stage."""
        return self.kind in (Kind.SEND_OUTPUT, Kind.SEND_GRADIENT)

    @property
    def is_receive(self) -> bool:
        """Whether something comes from another stage."""
        return self.kind in (Kind.RECEIVE_INPUT, Kind.RECEIVE_GRADIENT)

    def __str__(self) -> str:
        of = f"microbatch {self.microbatch}" + (f", chunk {self.chunk}" if self.chunk > 0 else "")
        if self.kind is Kind.COLLECTIVE:
            return f"for its collective {self.family}" + (f" of {of}" if self.microbatch >= 0 else "")
        return f"to {_WORDS[self.kind].format(of=of, peer=self.peer)}"


_WORDS = {
    Kind.FORWARD: "run forward of {of}",
    Kind.BACKWARD: "run backward of {of}",
    Kind.BY_INPUT: "run backward by input of {of}",
    Kind.BY_WEIGHT: "run backward by weight of {of}",
    Kind.SEND_OUTPUT: "send the output of {of} to stage {peer}",
    Kind.SEND_GRADIENT: "send the gradient of {of} to stage {peer}",
    Kind.RECEIVE_INPUT: "receive the input of {of} from stage {peer}",
    Kind.RECEIVE_GRADIENT: "receive the gradient of {of} from stage {peer}",
}
