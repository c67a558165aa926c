"""What of a job's time is progress."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np
import pytest

from planner.repair.checkpoints import best_interval_s, progress_share


@pytest.mark.parametrize(("checkpoint_s", "mtbf_s"), [(1, 1e4), (10, 800), (60, 3600), (300, 1e5)])
def test_the_interval_is_the_best(checkpoint_s, mtbf_s):
    """No other loses noticeably less."""
    best = best_interval_s(checkpoint_s, mtbf_s)
    others = np.geomspace(best / 20, best * 20, 400)
    shares = [progress_share(each, checkpoint_s, 30, mtbf_s) for each in others]
    assert progress_share(best, checkpoint_s, 30, mtbf_s) >= max(shares) * (1 - 1e-3)


def test_youngs_formula_for_short_checkpoints():
    """sqrt(2 d M) where checkpoints take next to nothing; the mean time where they take longer than that."""
    assert best_interval_s(1e-3, 1e6) == pytest.approx(sqrt(2e3), rel=1e-2)
    assert best_interval_s(100, 40) == 40


def test_the_share_is_what_happens():
    """A job played through: work, checkpoint, failures at any moment, restarts that may fail too."""
    rng, interval, checkpoint, restart, mtbf = np.random.default_rng(1), 100.0, 10.0, 30.0, 400.0
    clock, done, failure = 0.0, 0.0, rng.exponential(mtbf)
    needed = interval + checkpoint
    while done < 2e6:
        if clock + needed <= failure:
            clock += needed
            done += interval
            needed = interval + checkpoint
        else:
            clock, failure = failure, failure + rng.exponential(mtbf)
            needed = restart + interval + checkpoint
    assert progress_share(interval, checkpoint, restart, mtbf) == pytest.approx(done / clock, rel=0.02)


def test_bounds():
    """Without failures only checkpoints cost; where nothing can be done between failures, all is lost."""
    assert progress_share(90, 10, 30, inf) == 0.9
    assert progress_share(0, 0, 0, inf) == 1.0
    assert progress_share(100, 10, 1e6, 10) == 0.0
    assert progress_share(0, 0, 0, 100) == 1.0
