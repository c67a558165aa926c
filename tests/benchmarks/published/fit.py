"""Fits the few constants of the cost model that nobody states to published runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.cost.figures import FILE, FiguresFile, read_figures, shipped_figures
from tests.benchmarks.published.predict import predict, without_others

# Starting points, which also hold a constant back where few runs speak of it.
FORMATS = {"fp8": 1.0, "mxfp8": 0.95, "nvfp4": 0.8}
EFFICIENCIES = {"ampere": 0.7, "hopper": 0.6, "blackwell": 0.55, "blackwell-ultra": 0.6, "tpu": 0.7}
SHARED = {
    "tensor_overlap": 0.7,
    "expert_overlap": 0.4,
    "layer_overhead_s": 2e-5,
    "step_overhead_s": 0.02,
    "memory_passes": 1.5,
}
START = {**FORMATS, **EFFICIENCIES, **SHARED}
ERROR, HELD_BACK = 0.08, 0.3
ROUNDS, EVALUATIONS = 2, 8


@dataclass(frozen=True)
class Fit:
    """Fitted constants by name."""

    values: dict[str, float]

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


def fit(runs) -> Fit:
    """Constants that bring predictions of `runs` closest to what was measured, outliers counted less."""
    from scipy.optimize import least_squares

    names, start = list(START), np.array(list(START.values()))
    found = np.zeros(len(start))

    def fitted(logs):
        values = dict(zip(names, (start * np.exp(logs)).tolist(), strict=True))
        limited = {name: min(1.0, values[name]) for name in ("tensor_overlap", "expert_overlap")}
        return Fit(values | limited | {"memory_passes": max(1.0, values["memory_passes"])})

    for _ in range(ROUNDS):
        constants = fitted(found).constants()
        chosen = [without_others(predict(run, constants)) for run in runs]

        def residuals(logs, chosen=chosen):
            constants = fitted(logs).constants()
            errors = [np.log1p(predict(run, constants).error) for run in chosen]
            return np.concatenate((np.array(errors) / ERROR, logs / HELD_BACK))

        found = least_squares(residuals, found, loss="soft_l1", max_nfev=EVALUATIONS, diff_step=1e-2).x
    return fitted(found)


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
        elif name in EFFICIENCIES:
            head = line.partition("efficiency:")[0]
            lines.append(f"{head}efficiency: {found.values[name]:.3f}}}  # fitted")
        else:
            lines.append(f"  {name}: {found.values[name]:.3g}  # fitted")
    text = "\n".join(lines) + "\n"
    read_figures(text)
    FILE.write_text(text)
