"""Predicted and measured step times of published runs, side by side.

    python -m tests.benchmarks.published [--runs FILE] [--fit] [--leave-out] [--memory]

Prints every run, then errors by family and in all, and of the runs that constants are fitted to also what
two H200s took beside the model. ``--fit``
first fits the constants and writes them. ``--leave-out`` fits them without each source in turn and
predicts that source; and without the largest run of each series and predicts that. ``--memory`` prints
what each run needs of its GPUs' memory. Rows that make no sense are named and left out.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from tests.benchmarks.gpus import __main__ as gpus
from tests.benchmarks.published.fit import Fit, planes, save, without
from tests.benchmarks.published.needs import rows
from tests.benchmarks.published.predict import predict
from tests.benchmarks.published.runs import read_what_makes_sense

RUNS = Path(__file__).with_name("runs.csv")
# What the command ends with where rows made no sense; it predicts the others.
BAD_ROWS = 3


def main(arguments=None):
    """Predict, print; fit first where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=RUNS)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--leave-out", action="store_true")
    parser.add_argument("--memory", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        runs, problems = read_what_makes_sense(asked.runs)
    except (OSError, UnicodeDecodeError) as error:
        parser.error(f"cannot read {asked.runs}: {error}")
    for problem in problems:
        sys.stderr.write(f"left out: {problem}\n")
    if asked.memory:
        for line in rows(runs):
            write(line)
        return BAD_ROWS if problems else 0
    near = planes(runs) if asked.fit or asked.leave_out else None
    constants = None
    if asked.fit:
        save(Fit.at(near.at))
        constants = Fit.at(near.at).constants()
    predictions = [predict(run, constants) for run in runs]
    show("predicted with the constants that ship", predictions)
    if asked.leave_out:
        show_sources(near)
        show_largest(near)
    if asked.runs == RUNS:
        gpus.main()
    return BAD_ROWS if problems else 0


def show_sources(near):
    """Each source predicted by a fit to all others."""
    write(f"each source predicted without it\n{'source':44} {'runs':>6} {'mean':>8} {'worst':>8}  run")
    everything = []
    for source in sorted({run.source for run in near.runs}):
        left_out = np.array([run.source == source for run in near.runs])
        constants = without(near, left_out).constants()
        found = [predict(run, constants, quick=True) for run in near.runs if run.source == source]
        worst = max(found, key=lambda each: abs(each.error))
        mean = np.mean([abs(each.error) for each in found])
        write(f"{source[:44]:44} {len(found):6} {mean:8.1%} {worst.error:8.1%}  {worst.run.id}")
        everything += found
    sizes = np.abs([each.error for each in everything])
    write(f"{'all':44} {len(sizes):6} {sizes.mean():8.1%} {sizes.max():8.1%}")
    show_ranks(everything)


def show_largest(near):
    """The largest run of each series predicted by a fit to all other runs.

    The last columns take off what the smaller runs of its series are off on average by the same fit, and
    say how far these lie from each other: what no constant that they share can mend.
    """
    write("the largest of each series predicted without it")
    write(f"{'run':24} {'error':>8} {'beside the smaller':>20} {'their spread':>14}")
    for members in series(near.runs):
        *smaller, largest = members
        constants = without(near, np.array([run is largest for run in near.runs])).constants()
        error = predict(largest, constants, quick=True).error
        others = np.log1p([predict(run, constants, quick=True).error for run in smaller])
        beside = (1 + error) / np.exp(others.mean()) - 1
        spread = f"{others.std(ddof=1):.1%}" if len(others) > 1 else "-"
        write(f"{largest.id:24} {error:8.1%} {beside:20.1%} {spread:>14}")
    write("")


def series(runs):
    """Runs of one source, GPU and format, run alike, of one line of models, by size; several sizes only."""
    found = defaultdict(list)
    for run in runs:
        found[run.source, run.family, run.said, line_of(run.job.model.name)].append(run)
    for members in found.values():
        if len({(run.gpus, run.job.model.name) for run in members}) > 1:
            yield sorted(members, key=lambda run: (run.gpus, run.job.model.parameters))


def line_of(model):
    """A model's line: its name up to its size; GPT models have several names."""
    line = re.split(r"-?\d+(?:\.\d+)?[bt]\b", model)[0]
    return "gpt" if line in ("gpt", "gpt3", "megatron") else line


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
    show_ranks(predictions)


def show_ranks(predictions):
    """Whether faster runs are predicted to be faster."""
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
