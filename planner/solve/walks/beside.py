"""Walks that go on in a thread of their own while a bound is computed, which keeps one core busy."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from threading import Event, Thread
from typing import TYPE_CHECKING

from planner.solve.reduction.tree import tree_cost
from planner.solve.setup.control import Control
from planner.solve.walks.anneal import worth_annealing
from planner.solve.walks.restarts import Restarts, drafted, is_paired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from planner.solve.joint.guide import Guide
    from planner.solve.reduction.reduction import StageCosts
    from planner.solve.reduction.tree import Tree

    IntArray = NDArray[np.int32]

# Seeds of these walks are others than those of the run.
SEED_OFFSET = 500_000
# Part of the time of walks that telling of what they find may take.
TELLING = 0.1


class Beside:
    """Turns of `Restarts`, made by one worker while the thread that asks for them does something else.

    Nothing is done where a run is limited by work, or has one worker alone.
    """

    def __init__(self, tree: Tree, costs: StageCosts, control: Control, guide: Guide | None = None) -> None:
        self.tree, self.costs, self.control = tree, costs, control
        self.own = Control(control.time_limit_s, control.seed, workers=1, started=control.started)
        self.seeds = count(control.seed + SEED_OFFSET)
        self.rounds = Restarts(tree, costs, self.own, self.seeds, guide)
        self.rough, self.drafted = True, False
        self.tells_s = 0.0

    @property
    def possible(self) -> bool:
        """Whether there is a core to spare, and anything to walk for."""
        spare = self.control.threads > 1 and not self.control.deterministic
        return spare and worth_annealing(self.tree, self.costs) and not self.control.over

    @contextmanager
    def walking(
        self, widths: IntArray, tell: Callable[[IntArray], None] = lambda _: None
    ) -> Iterator[list[IntArray]]:
        """Walk from these width vectors until the block ends; what is found is better and better.

        Parameters
        ----------
        tell
            Told of what is found, in the thread that walks, as often as that takes a small part of its time.
        """
        found: list[IntArray] = []
        failures: list[BaseException] = []
        if not self.possible:
            yield found
            return

        def work() -> None:
            try:
                for each in self._better(widths):
                    found.append(each)
                    self._tell(each, tell)
            except BaseException as failure:  # noqa: BLE001 - raised again where the walks were asked for
                failures.append(failure)

        self.tells_s = 0.0
        self.own.stop = self.rounds.control.stop = Event()
        thread = Thread(target=work, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            self.own.stop.set()
            thread.join()
        if failures:
            raise failures[0]

    def _tell(self, widths: IntArray, tell: Callable[[IntArray], None]) -> None:
        """Tell of width vectors, where enough time has passed since the last were told."""
        started = self.own.elapsed_s
        if started >= self.tells_s:
            tell(widths)
            ended = self.own.elapsed_s
            self.tells_s = ended + (ended - started) / TELLING

    def _better(self, widths: IntArray) -> Iterator[IntArray]:
        """What a draft, if there was none, and then turns find that is better than all before."""
        draft: Iterator[IntArray] = iter(())
        if not self.drafted:
            draft = drafted(self.tree, self.costs, self.own, self.seeds, rough=self.rough)
        for each in draft:
            # Walks that were cut off are still hot; pairs lose nothing.
            self.drafted = not self.own.over or is_paired(self.tree, self.costs, self.own)
            if tree_cost(self.tree, self.costs, each) < tree_cost(self.tree, self.costs, widths):
                widths = each
                yield widths
        yield from self.rounds.better(widths)
