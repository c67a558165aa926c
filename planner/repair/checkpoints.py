"""What of a job's time is progress, where it fails now and then and goes back to its last checkpoint."""

from __future__ import annotations

from math import exp as exponential
from math import expm1, inf, sqrt

FAR = 500.0


def best_interval_s(checkpoint_s: float, mtbf_s: float) -> float:
    """Seconds of work between checkpoints that lose the least.

    Daly 2006, "A higher order estimate of the optimum checkpoint interval for restart dumps", equation
    37: ``sqrt(2 d M) (1 + sqrt(d / 2M) / 3 + d / 18 M) - d`` for checkpoints of d seconds and failures
    every M seconds on average. For d far below M it is Young's ``sqrt(2 d M)`` (1974).
    """
    if checkpoint_s >= 2 * mtbf_s:
        return mtbf_s
    part = checkpoint_s / (2 * mtbf_s)
    return sqrt(2 * checkpoint_s * mtbf_s) * (1 + sqrt(part) / 3 + part / 9) - checkpoint_s


def progress_share(interval_s: float, checkpoint_s: float, restart_s: float, mtbf_s: float) -> float:
    """Share of the time that is progress.

    Work of t seconds between checkpoints takes ``M exp(R / M) (exp((t + d) / M) - 1)`` on average, where
    failures are exponential with mean M, also during restarts of R seconds (Daly 2006, equation 18).
    """
    if mtbf_s == inf:
        return interval_s / (interval_s + checkpoint_s) if interval_s + checkpoint_s > 0 else 1.0
    if (restart_s + interval_s + checkpoint_s) / mtbf_s > FAR:
        return 0.0
    if interval_s <= 0:
        return exponential(-restart_s / mtbf_s)
    spent = mtbf_s * exponential(restart_s / mtbf_s) * expm1((interval_s + checkpoint_s) / mtbf_s)
    return interval_s / spent
