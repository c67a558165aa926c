"""The peers: how each is run, with which settings, and where it does not apply."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.peers.job import CLIQUE, HYPERGRAPH, PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.peers.job import Job

PEERS_PYTHON = Path(__file__).parents[1] / ".venv" / "bin" / "python"
OWN_PYTHON = Path(sys.executable)
HIGHEST_QUALITY_CELLS = 2000
CLIQUE_CELLS = 64
STEINER_NODES = 64
LARGE_BLOCKS = 512


@dataclass(frozen=True)
class Peer:
    """One tool.

    Parameters
    ----------
    name
        For people.
    adapter
        Module of this package that runs it.
    settings
        Its settings for a job.
    needs
        What must be importable by its Python, or a program of one of the names.
    python
        The Python that runs the adapter.
    unfit
        Why it can't be given a job; None where it can.
    seeded
        Whether other seeds give other answers.
    """

    name: str
    adapter: str
    settings: Callable[[Job], tuple[str, ...]]
    needs: tuple[str, ...]
    python: Path = PEERS_PYTHON
    unfit: Callable[[Job], str | None] = lambda _: None
    seeded: bool = True

    @property
    def missing(self) -> str | None:
        """What is not installed; None where all is."""
        if not self.python.exists():
            return f"{self.python} (run tests/benchmarks/install.sh)"
        if any(map(shutil.which, self.needs)) or _imports(self.python, self.needs[0]):
            return None
        return " or ".join(self.needs)


@cache
def _imports(python: Path, module: str) -> bool:
    """Whether a Python can import a module."""
    done = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False)
    return done.returncode == 0


def presets(job: Job) -> tuple[str, ...]:
    """Presets of Mt-KaHyPar that suit the size, the fastest first."""
    found = ("large_k",) if job.nodes >= LARGE_BLOCKS else ()
    found += ("default", "quality", "deterministic_quality")
    return found + (("highest_quality",) if job.task.cells <= HIGHEST_QUALITY_CELLS else ())


def mappings(job: Job) -> tuple[str, ...]:
    """Presets for a mapping, the fastest first, without the deterministic ones, which take longest."""
    found = ("highest_quality",) if job.task.cells <= HIGHEST_QUALITY_CELLS else ()
    models = (HYPERGRAPH,) if job.nodes <= STEINER_NODES else graph_models(job)
    return tuple(f"{preset} {model}" for model in models for preset in (*found, "quality", "default"))


def graph_models(job: Job) -> tuple[str, ...]:
    """Graphs that can stand for a job's hypergraph: cliques of small groups only."""
    return (PATH, CLIQUE) if job.task.replica.max() < CLIQUE_CELLS else (PATH,)


def with_models(*choices: str) -> Callable[[Job], tuple[str, ...]]:
    """Every choice with every graph that can stand for the job."""

    def settings(job: Job) -> tuple[str, ...]:
        return tuple(f"{choice} {model}" for choice in choices for model in graph_models(job))

    return settings


def one_tier(job: Job) -> str | None:
    """A mapping onto one tier is a partition."""
    return None if job.tiers > 1 else "one tier"


def irregular(job: Job) -> str | None:
    """A hierarchy is regular where every domain of a tier has as many children."""
    return None if job.arity() else "irregular cluster"


PEERS = (
    Peer("Mt-KaHyPar", "mt_kahypar", presets, ("mtkahypar",)),
    Peer("Mt-KaHyPar mapping", "mt_kahypar_mapping", mappings, ("mtkahypar",), unfit=one_tier),
    Peer("KaHyPar", "kahypar_km1", lambda _: ("direct", "recursive"), ("kahypar",)),
    Peer("METIS", "metis", with_models("recursive", "kway"), ("pymetis",)),
    Peer("SharedMap", "sharedmap", with_models("eco", "strong"), ("chszlablib",), unfit=irregular),
    Peer("Scotch", "scotch", with_models("q", "bq"), ("scotch_gmap", "gmap")),
    Peer(
        "Arnold",
        "arnold",
        lambda _: ("scip", "cp-sat"),
        ("ortools",),
        python=OWN_PYTHON,
        seeded=False,
    ),
)
