"""Published runs, predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from planner.cost.figures import FILE, read_figures, shipped_figures
from tests.benchmarks.published import __main__ as command
from tests.benchmarks.published.fit import START, Fit, save
from tests.benchmarks.published.needs import needs
from tests.benchmarks.published.predict import predict
from tests.benchmarks.published.runs import read_runs

DOCS = Path(__file__).parent.parent.parent.parent / "docs" / "explanation"
RUNS = read_runs(command.RUNS)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.id)
def test_what_was_run_fits_in_memory(run):
    """As it ran; and more of it takes more."""
    as_it_ran, doubled, alone = needs(run)
    assert as_it_ran <= 1
    assert doubled is None or doubled > as_it_ran
    assert alone >= as_it_ran


def test_dropping_what_saves_memory_does_not_fit():
    """Of the runs that share their optimizer or more most would not fit with nothing shared."""
    shared = [needs(run)[2] for run in RUNS if run.job.data_parallel != "ddp"]
    assert np.mean([each > 1 for each in shared]) > 0.75


def test_fit_writes_only_what_is_fitted(tmp_path, monkeypatch):
    """The file keeps its other constants and its remarks, and reads back."""
    path = tmp_path / "figures.yaml"
    path.write_text(FILE.read_text())
    monkeypatch.setattr("tests.benchmarks.published.fit.FILE", path)
    save(Fit(dict(START)))
    written, shipped = read_figures(path.read_text()), shipped_figures()
    assert written.shared.tensor_overlap == START["tensor_overlap"]
    assert written.generations["tpu"].efficiency == START["tpu"]
    assert written.shared.narrow_outputs == shipped.shared.narrow_outputs
    assert path.read_text().count("#") == FILE.read_text().count("#")


def test_newest_and_oldest_are_close():
    """A quick look at three of them: within a tenth."""
    for name in ("ml-h100-2560-fp8", "ko22-175b-selective", "mb-70b-gb200-mxfp8"):
        run = next(run for run in RUNS if run.id == name)
        assert abs(predict(run).error) < 0.1, name


@pytest.mark.slow
def test_all_are_close_and_the_page_shows_it(capsys):
    """8 % on average, in the right order; the page's table is what the command prints."""
    errors = np.abs([predict(run).error for run in RUNS])
    assert errors.mean() < 0.08
    command.main([])
    printed = capsys.readouterr().out
    assert printed == (DOCS / "step-time-runs.txt").read_text()
    assert float(printed.rsplit(maxsplit=1)[1]) > 0.95
