"""How time and memory of a whole plan grow with the cluster, from 13,824 GPUs to a million.

Every size has the tiers of the flagship ``gb300-220k`` and as many more or fewer pods as it takes, and
the flagship's job with as many more or fewer replicas: 16 stages, expert groups of a rack each, every
GPU in use. With ``--degraded`` about 1 % of the trays, drawn at random with a seed of their own, are
out of service; groups are then of 64 and leave one rack in 191 to the failures, as
``moe-6t-220k-degraded`` does.

A plan is a fresh ``planner plan`` process from two YAML files to a checked file. Sizes take turns,
`--repeat` times; medians are printed, the most memory of any repeat, and the exponents that fit time
and memory best: least squares of logarithms, a size of twice as many ranks taking 2 ** exponent times
as much.

    python -m tests.benchmarks.scale
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from ruamel.yaml import YAML

from planner.library import find
from planner.topology.names import compress
from tests.benchmarks.pipeline import STEPS, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.pipeline import Run

FLAGSHIP, JOB = "gb300-220k", "moe-6t-220k"
FLAGSHIP_UNITS = 382
UNITS = (24, 48, 96, 192, FLAGSHIP_UNITS, 764, 1736)
UNITS_OF_POD, RACKS_OF_UNIT, TRAYS_OF_RACK, GPUS_OF_RACK = 16, 8, 18, 72
STAGES, DEGRADED_EP = 16, 64
LARGE = 50_000
DOWN, SPARE_RACKS = 0.01, 191


@dataclass(frozen=True)
class Size:
    """A cluster of so many units, and the job that fills it.

    Parameters
    ----------
    units
        Groups of eight racks; an even number, so that 16 stages divide the racks.
    degraded
        Whether trays are out of service.
    """

    units: int
    degraded: bool = False

    @property
    def gpus(self) -> int:
        """GPUs, those out of service included."""
        return self.units * RACKS_OF_UNIT * GPUS_OF_RACK

    @property
    def ranks(self) -> int:
        """Ranks of the job."""
        return self._expert_groups * self._expert_group

    @property
    def _expert_group(self) -> int:
        return DEGRADED_EP if self.degraded else GPUS_OF_RACK

    @property
    def _expert_groups(self) -> int:
        racks = self.units * RACKS_OF_UNIT
        kept = racks - -(-racks // SPARE_RACKS) if self.degraded else racks
        return kept // STAGES * STAGES

    def topology(self) -> dict[str, Any]:
        """The authored cluster: the flagship with other pods."""
        authored = YAML(typ="safe").load(find("topology", FLAGSHIP))
        row = authored["domains"][0]
        whole, rest = divmod(self.units, UNITS_OF_POD)
        pods = [f"p{number:03d}" for number in range(1, whole + 2)]
        rows = [row | {"pod": compress(pods[:whole])}] if whole else []
        rows += [row | {"pod": pods[whole], "unit": f"u[01-{rest:02d}]"}] if rest else []
        down = self._down(pods) if self.degraded else []
        return authored | {"name": f"{FLAGSHIP}-as-{self.gpus}", "domains": rows, "down": down}

    def workload(self) -> dict[str, Any]:
        """The authored job: the flagship's with other replicas."""
        groups = {"ep": self._expert_group, "dp": self.ranks // STAGES}
        return {
            "include": JOB,
            "name": f"{JOB}-as-{self.ranks}",
            "parallelism": {"tp": 1, "cp": 1, "pp": STAGES} | groups,
            "batch": {"global": self.ranks, "micro": 1, "sequence": 4096},
        }

    def _down(self, pods: Sequence[str]) -> list[str]:
        """Selectors of the trays out of service."""
        draw = np.random.default_rng(self.units)
        trays = self.units * RACKS_OF_UNIT * TRAYS_OF_RACK
        found = []
        for tray in np.sort(draw.choice(trays, round(DOWN * trays), replace=False)).tolist():
            rack, tray_of_rack = divmod(tray, TRAYS_OF_RACK)
            unit, rack_of_unit = divmod(rack, RACKS_OF_UNIT)
            pod, unit_of_pod = divmod(unit, UNITS_OF_POD)
            where = f"u{unit_of_pod + 1:02d}/r{rack_of_unit + 1}/t{tray_of_rack + 1:02d}"
            found.append(f"{pods[pod]}/{where}")
        return found


def write_inputs(size: Size, folder: Path) -> tuple[Path, Path]:
    """Write topology and workload of one size as YAML files, and say where."""
    paths = folder / f"{size.units}-topology.yaml", folder / f"{size.units}-workload.yaml"
    for path, document in zip(paths, (size.topology(), size.workload()), strict=True):
        YAML(typ="safe").dump(document, path)
    return paths


def plan(size: Size, folder: Path) -> Run:
    """Plan one size once, file to file."""
    inputs = [str(path) for path in write_inputs(size, folder)]
    output = str(folder / "placement.json")
    return run([sys.executable, "-m", "planner", "plan", *inputs, "-o", output, "--json"])


def medians(runs: Sequence[Run]) -> dict[str, float]:
    """Seconds of every step and of the whole, memory and gap, of the repeats of one size."""
    answers = [json.loads(each.printed) for each in runs]
    return {
        **{step: statistics.median(answer["seconds"][step] for answer in answers) for step in STEPS},
        "whole": statistics.median(each.seconds for each in runs),
        "peak_bytes": max(each.peak_bytes for each in runs),
        "gap": statistics.median(answer["gap"] for answer in answers),
        "ranks": answers[0]["ranks"],
    }


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The power of the size with which the values grow: the slope of a line through logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def size_table(found: Sequence[dict[str, float]], flagship: dict[str, float] | None, title: str) -> Table:
    """One row a size."""
    table = Table(box=box.SIMPLE, title=title, title_justify="left")
    for column in ("ranks", *STEPS, "whole s", "x flagship", "peak MB", "gap %"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in found:
        table.add_row(
            f"{each['ranks']:,}",
            *(f"{each[step]:.2f}" for step in STEPS),
            f"{each['whole']:.2f}",
            f"{each['whole'] / flagship['whole']:.2f}" if flagship else "",
            f"{each['peak_bytes'] / 1e6:.0f}",
            f"{100 * each['gap']:.3f}",
        )
    return table


def exponent_table(found: Sequence[dict[str, float]]) -> Table:
    """One row for all sizes, one for the large ones alone, where fixed costs weigh little."""
    columns = (*STEPS, "whole", "peak_bytes")
    table = Table(box=box.SIMPLE, title="exponents", title_justify="left")
    table.add_column("ranks", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for name, least in (("all", 0), (f"from {LARGE:,}", LARGE)):
        chosen = [each for each in found if each["ranks"] >= least]
        if len(chosen) < 2:
            continue
        ranks = [each["ranks"] for each in chosen]
        fits = [exponent(ranks, [each[column] for each in chosen]) for column in columns]
        table.add_row(name, *(f"{fit:.2f}" for fit in fits))
    return table


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--most", type=int, default=1_000_000, help="most GPUs of a cluster")
    parser.add_argument("--degraded", action="store_true", help="with 1 %% of the trays out of service")
    arguments = parser.parse_args()
    sizes = [Size(units, arguments.degraded) for units in UNITS]
    sizes = [size for size in sizes if size.gpus <= arguments.most]
    with tempfile.TemporaryDirectory() as folder:
        rounds = [[plan(size, Path(folder)) for size in sizes] for _ in range(arguments.repeat)]
    found = [medians(runs) for runs in zip(*rounds, strict=True)]
    by_units = {size.units: each for size, each in zip(sizes, found, strict=True)}
    console = Console(width=140)
    title = f"seconds, medians of {arguments.repeat}"
    console.print(size_table(found, by_units.get(FLAGSHIP_UNITS), title), exponent_table(found))


if __name__ == "__main__":
    main()
