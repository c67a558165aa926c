"""Fits the few constants of the cost model that nobody states to published runs.

The logarithm of a step is nearly linear in the logarithms of the constants. So the model is asked for
every run's step and its slopes in the constants that it depends on, constants are fitted to these planes,
and the model is asked anew until nothing moves: some hundreds of steps in all, where a fit that asks the
model at each of its own steps takes tens of thousands and comes to the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from planner.cost.figures import FILE, FiguresFile, read_figures, shipped_figures
from tests.benchmarks.published.predict import predict
from tests.benchmarks.published.systems import system_of


class Constant(NamedTuple):
    """A fitted constant: what is expected of it without any run, as a factor how sure that is, its most."""

    expected: float
    spread: float = 0.3
    most: float = np.inf


# H200s keep up 0.83 of what they reach cold (`h200.json`, "sustained"), and cold 0.77 for large products.
# TPUs are not throttled that way: MaxText reaches 0.67 to 0.71 of a v5p's peak in whole steps.
SUSTAINED, TPU = 0.64, 0.8
GENERATIONS = {
    "ampere": Constant(SUSTAINED),
    "hopper": Constant(SUSTAINED),
    "blackwell": Constant(SUSTAINED),
    "blackwell-ultra": Constant(SUSTAINED),
    "tpu": Constant(TPU),
}
FORMATS = {"fp8": Constant(1.0), "mxfp8": Constant(0.95), "nvfp4": Constant(0.8)}
SHARED = {
    "tensor_overlap": Constant(0.7, most=0.98),
    "expert_overlap": Constant(0.4, most=0.98),
    "layer_overhead_s": Constant(2e-5),
    "launched_layer_overhead_s": Constant(2e-4, 1.0),
    "step_overhead_s": Constant(0.02),
    "memory_passes": Constant(1.5),
}
CONSTANTS = {**FORMATS, **GENERATIONS, **SHARED}
NAMES = list(CONSTANTS)
EXPECTED = np.log([each.expected for each in CONSTANTS.values()])
SPREAD = np.array([each.spread for each in CONSTANTS.values()])
MOST = np.log([each.most for each in CONSTANTS.values()])
# Factor by which a prediction may be off before it counts less, as outliers do.
ERROR = 0.08
WIDTH, ROUNDS, STILL = 0.03, 8, 3e-3


@dataclass(frozen=True)
class Fit:
    """Fitted constants by name."""

    values: dict[str, float]

    @classmethod
    def at(cls, logs) -> Fit:
        """Constants of these logarithms."""
        return cls(dict(zip(NAMES, np.exp(logs).tolist(), strict=True)))

    def constants(self) -> FiguresFile:
        """All constants, the fitted ones among them."""
        shared = shipped_figures().shared
        changed = {name: self.values[name] for name in SHARED}
        formats = {name: self.values[name] for name in FORMATS}
        generations = {
            name: each.model_copy(update={"efficiency": self.values[name]}) if name in self.values else each
            for name, each in shipped_figures().generations.items()
        }
        return FiguresFile(
            shared=shared.model_copy(update={**changed, "formats": formats}), generations=generations
        )


@dataclass(frozen=True, eq=False)
class Planes:
    """Logarithms of steps near some constants.

    Parameters
    ----------
    runs, choices
        What was run, and which of its choices is the fastest with these constants.
    at
        Logarithms of the constants, shape (constants,).
    steps, slopes
        Logarithms of the predicted steps there, shape (runs,); how they change, (runs, constants).
    """

    runs: list
    choices: list[int]
    at: np.ndarray
    steps: np.ndarray
    slopes: np.ndarray

    def closest(self, kept, start):
        """Logarithms of the constants that bring the runs `kept` closest to what was measured."""
        from scipy.optimize import least_squares

        measured = np.log([run.measured_s for run in self.runs])

        def residuals(logs):
            off = self.steps + self.slopes @ (logs - self.at) - measured
            return np.concatenate((off[kept] / ERROR, (logs - EXPECTED) / SPREAD))

        bounds = np.full(len(start), -np.inf), MOST
        return least_squares(residuals, np.minimum(start, MOST - 1e-6), loss="soft_l1", bounds=bounds).x


def fit(runs) -> Fit:
    """Constants that bring predictions of `runs` closest to what was measured, outliers counted less."""
    return Fit.at(planes(runs).at)


def planes(runs) -> Planes:
    """Planes at the constants that fit all runs best."""
    everything = np.ones(len(runs), bool)
    first = _planes(runs, EXPECTED)
    second = _planes(runs, first.closest(everything, first.at))
    return _settled(second, everything)


def without(near: Planes, left_out) -> Fit:
    """The fit to all runs but those `left_out`, a mask; slopes of the fit to all serve."""
    return Fit.at(_settled(near, ~left_out).at)


def _settled(near: Planes, kept) -> Planes:
    """Fitted to the runs `kept` with the slopes that are there, again until nothing moves."""
    for _ in range(ROUNDS):
        found = near.closest(kept, near.at)
        still = np.abs(found - near.at).max() < STILL
        near = replace(near, at=found, steps=_steps(near.runs, near.choices, found))
        if still:
            break
    return near


def _planes(runs, logs) -> Planes:
    constants = Fit.at(logs).constants()
    choices = [predict(run, constants, quick=True).choice for run in runs]
    steps = _steps(runs, choices, logs)
    slopes = np.zeros((len(runs), len(logs)))
    for column, name in enumerate(NAMES):
        rows = np.array([depends(run, name) for run in runs])
        if rows.any():
            moved = logs + WIDTH * (np.arange(len(logs)) == column)
            some = [run for run, yes in zip(runs, rows, strict=True) if yes]
            chosen = [choice for choice, yes in zip(choices, rows, strict=True) if yes]
            slopes[rows, column] = (_steps(some, chosen, moved) - steps[rows]) / WIDTH
    return Planes(runs, choices, logs, steps, slopes)


def _steps(runs, choices, logs):
    """Logarithms of predicted steps."""
    constants = Fit.at(logs).constants()
    chosen = zip(runs, choices, strict=True)
    return np.log([predict(run, constants, [each], quick=True).time.step_s for run, each in chosen])


def depends(run, name) -> bool:
    """Whether a run's step changes with a constant at all."""
    mesh = run.job.mesh
    if name in FORMATS:
        return run.job.precision.value == name
    if name in GENERATIONS:
        return system_of(run.system, run.gpus).gpu.name in shipped_figures().generations[name].gpus
    only = {
        "tensor_overlap": mesh.tp > 1 and run.software.overlaps,
        "expert_overlap": mesh.ep > 1,
        "layer_overhead_s": run.software.replays,
        "launched_layer_overhead_s": not run.software.replays,
    }
    return only.get(name, True)


def save(found: Fit) -> None:
    """Put the fitted constants into the data file; everything else in it stays."""
    lines = []
    for line in FILE.read_text().splitlines():
        name = line.strip().partition(":")[0]
        if "# fitted" not in line:
            lines.append(line)
        elif name == "formats":
            values = ", ".join(f"{each}: {found.values[each]:.3f}" for each in FORMATS)
            lines.append(f"  formats: {{{values}}}  # fitted")
        elif name in GENERATIONS:
            head = line.partition("efficiency:")[0]
            lines.append(f"{head}efficiency: {found.values[name]:.3f}}}  # fitted")
        else:
            lines.append(f"  {name}: {found.values[name]:.3g}  # fitted")
    text = "\n".join(lines) + "\n"
    read_figures(text)
    FILE.write_text(text)
