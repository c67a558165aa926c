"""Candidates measured on an existing Dask cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.errors import InputError, UsageError
from planner.strategy.measure import measure
from planner.strategy.pool import PIECES_A_WORKER, cut

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from planner.strategy.measure import Candidate, Measured
    from planner.strategy.outline import Outline
    from planner.strategy.space import Question

CONNECT_SECONDS = 10


class DaskPool:
    """Workers of the cluster whose scheduler is at an address, such as ``tcp://10.0.0.1:8786``.

    Raises
    ------
    UsageError
        Q010 without the package distributed; Q011 where no scheduler answers or it has no workers.
    """

    def __init__(self, address: str, question: Question, outline: Outline) -> None:
        self.address = address
        self._client = _connected(address)
        self._asked = self._client.scatter((question, outline), broadcast=True)

    def __enter__(self) -> DaskPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def measure(self, candidates: Sequence[Candidate]) -> list[Measured]:
        """What each of them takes.

        Raises
        ------
        InputError
            Q012 where the workers fail, as those without this package do.
        """
        if not candidates:
            return []
        workers = max(1, len(self._client.ncores()))
        pieces = cut(candidates, workers * PIECES_A_WORKER)
        futures = self._client.map(_measure, pieces, asked=self._asked, pure=False)
        try:
            return [each for found in self._client.gather(futures) for each in found]
        # Whatever a worker raises, or becomes of it.
        except Exception as error:
            raise InputError.of(
                "Q012",
                f"workers of the Dask cluster at {self.address} failed: {type(error).__name__}: {error}",
                expected="workers with the same version of the planner installed",
            ) from error


def _measure(candidates: Sequence[Candidate], asked: tuple[Question, Outline]) -> list[Measured]:
    """On a worker: what each candidate takes."""
    return measure(*asked, candidates)


def _connected(address: str) -> Any:
    try:
        import distributed
    except ImportError as error:
        raise UsageError.of(
            "Q010",
            "--dask needs the package distributed",
            expected="the planner with its extra for Dask",
            suggestion="pip install 'planner[dask]'",
        ) from error
    try:
        connect: Any = distributed.Client
        client = connect(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise _unreached(address, f"no scheduler answers at {address}") from error
    if not client.ncores():
        client.close()
        raise _unreached(address, f"the scheduler at {address} has no workers")
    return client


def _unreached(address: str, message: str) -> UsageError:
    return UsageError.of(
        "Q011",
        f"--dask {address}: {message}",
        expected="the address of a running scheduler, such as tcp://127.0.0.1:8786, that has workers",
    )
