"""Predicted and measured step times of published runs, side by side.

    python -m tests.benchmarks.published [--runs FILE] [--fit] [--leave-out] [--memory]

Prints every run, then errors by family and in all. ``--fit`` first fits the constants and writes them.
``--leave-out`` fits them without each source in turn and predicts that source; and without the largest
run of each series and predicts that. ``--memory`` prints what each run needs of its GPUs' memory.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from tests.benchmarks.published.fit import fit, save
from tests.benchmarks.published.needs import rows
from tests.benchmarks.published.predict import predict
from tests.benchmarks.published.runs import read_runs

RUNS = Path(__file__).with_name("runs.csv")


def main(arguments=None):
    """Predict, print; fit first where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=RUNS)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--leave-out", action="store_true")
    parser.add_argument("--memory", action="store_true")
    asked = parser.parse_args(arguments)
    runs = read_runs(asked.runs)
    if asked.memory:
        for line in rows(runs):
            write(line)
        return 0
    constants = None
    if asked.fit:
        found = fit(runs)
        save(found)
        constants = found.constants()
    show("predicted with the constants that ship", [predict(run, constants) for run in runs])
    if asked.leave_out:
        show("each source predicted without it", list(without_source(runs)))
        show("the largest of each series predicted without it", list(without_largest(runs)))
    return 0


def without_source(runs):
    """Predictions of each source by a fit to all others."""
    for source in sorted({run.source for run in runs}):
        constants = fit([run for run in runs if run.source != source]).constants()
        yield from (predict(run, constants) for run in runs if run.source == source)


def without_largest(runs):
    """Predictions of the largest run of each series of several sizes, by a fit to all other runs."""
    series = defaultdict(list)
    for run in runs:
        series[run.source, run.family, run.job.recompute].append(run)
    for members in series.values():
        largest = max(members, key=lambda run: run.gpus)
        if len({run.gpus for run in members}) > 1:
            yield predict(largest, fit([run for run in runs if run is not largest]).constants())


def write(line):
    """Print a line."""
    sys.stdout.write(f"{line}\n")


def show(title, predictions):
    """A table of runs, then errors by family and in all."""
    write(f"{title}\n{'run':24} {'predicted':>10} {'measured':>10} {'error':>8}")
    families = defaultdict(list)
    for each in predictions:
        families[each.run.family].append(each.error)
        write(
            f"{each.run.id:24} {each.time.step_s:9.3f}s {each.run.measured_s:9.3f}s {100 * each.error:7.1f}%"
        )
    write(f"\n{'family':24} {'runs':>10} {'mean':>10} {'worst':>8}")
    for family, errors in sorted(families.items()):
        _row(family, errors)
    _row("all", [error for errors in families.values() for error in errors])
    rates = [_rates(each) for each in predictions]
    write(f"rank correlation of TFLOP/s a GPU: {_rank_correlation(*zip(*rates, strict=True)):.3f}\n")


def _row(name, errors):
    sizes = np.abs(errors)
    write(f"{name:24} {len(errors):10} {100 * sizes.mean():9.1f}% {100 * sizes.max():7.1f}%")


def _rates(prediction):
    """Predicted and measured speed of one GPU, in samples a second times the model's parameters."""
    job = prediction.run.job
    work = job.global_batch * job.sequence * job.model.active_parameters / job.mesh.world_size
    return work / prediction.time.step_s, work / prediction.run.measured_s


def _rank_correlation(some, others):
    """Spearman's."""
    ranks = [np.argsort(np.argsort(values)) for values in (some, others)]
    return float(np.corrcoef(*ranks)[0, 1])


if __name__ == "__main__":
    sys.exit(main())
