"""What a placement file states beside the placement itself, for the checker to compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class DigestPair:
    """A digest as the file states it, and as its content gives it."""

    stated: str
    found: str


@dataclass(frozen=True, eq=False)
class Stated:
    """Statements of a file that follow from the rest of it.

    Parameters
    ----------
    path
        The file.
    planner_version
        Version of the planner that wrote it.
    digests
        By what they cover: ``file``, ``topology``, ``workload``.
    columns
        Columns of the rank table that follow from the GPU: ``node``, ``local_gpu``, ``nic``,
        ``rail``, each of shape (world_size,).
    gap
        Gap between value and bound.
    """

    path: str
    planner_version: str
    digests: Mapping[str, DigestPair]
    columns: Mapping[str, NDArray[np.int32]]
    gap: float
