"""Published runs, predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import least_squares

from planner.cost.figures import FILE, read_figures, shipped_figures
from tests.benchmarks.published import __main__ as command
from tests.benchmarks.published.fit import CONSTANTS, ERROR, EXPECTED, MOST, SPREAD, Fit, planes, save
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


def test_memory_of_runs_is_on_the_page(capsys):
    """By how much what does not fit is over; the page is what the command prints."""
    command.main(["--memory"])
    printed = capsys.readouterr().out
    assert printed == (DOCS / "step-time-memory.txt").read_text()
    over = next(line for line in printed.splitlines() if line.startswith("mb-405b-gb300-fp8"))
    assert over.count("GB over") == 2


def test_fit_writes_only_what_is_fitted(tmp_path, monkeypatch):
    """The file keeps its other constants and its remarks, and reads back."""
    path = tmp_path / "figures.yaml"
    path.write_text(FILE.read_text())
    monkeypatch.setattr("tests.benchmarks.published.fit.FILE", path)
    expected = {name: each.expected for name, each in CONSTANTS.items()}
    save(Fit(expected))
    written, shipped = read_figures(path.read_text()), shipped_figures()
    assert written.shared.tensor_overlap == expected["tensor_overlap"]
    assert written.generations["tpu"].efficiency == expected["tpu"]
    assert written.shared.narrow_outputs == shipped.shared.narrow_outputs
    assert path.read_text().count("#") == FILE.read_text().count("#")


def test_runs_that_nothing_is_fitted_to_are_close(capsys):
    """Other rows of the same sources: each within 8 %, on average 4 %; the page is the command's."""
    held_out = Path(command.__file__).with_name("held_out.csv")
    assert not {run.id for run in read_runs(held_out)} & {run.id for run in RUNS}
    command.main(["--runs", str(held_out)])
    assert capsys.readouterr().out == (DOCS / "step-time-held-out.txt").read_text()
    errors = np.abs([predict(run).error for run in read_runs(held_out)])
    assert errors.max() < 0.08
    assert errors.mean() < 0.04


def test_newest_and_oldest_are_close():
    """A quick look at three of them: within a tenth."""
    for name in ("ml-h100-2560-fp8", "ko22-175b-selective", "mb-70b-gb200-mxfp8"):
        run = next(run for run in RUNS if run.id == name)
        assert abs(predict(run).error) < 0.1, name


@pytest.mark.slow
def test_goals_hold_and_the_page_shows_it(capsys):
    """Of sources left out 8 % and 20 %, the largest of series 3 %; the page is what the command prints."""
    command.main(["--leave-out"])
    printed = capsys.readouterr().out
    assert printed == (DOCS / "step-time-runs.txt").read_text()
    left_out = printed.split("each source predicted without it")[1].split("the largest of each series")[0]
    last, ranks = [line for line in left_out.splitlines() if line][-2:]
    assert last.startswith("all")
    mean, worst = (float(each.rstrip("%")) for each in last.split()[2:4])
    assert mean < 8
    assert worst < 20
    assert float(ranks.rsplit(maxsplit=1)[1]) > 0.95
    table = printed.split("the largest of each series")[1].split("\n\n")[0].splitlines()[2:]
    errors = [float(line.split()[1].rstrip("%")) for line in table]
    assert len(errors) >= 10
    assert max(map(abs, errors)) < 3


def test_slopes_give_what_asking_the_model_gives():
    """A fit by planes comes to where a fit that asks the model at every step comes to."""
    some = [
        run for run in RUNS if run.id in ("ko22-22b-full", "ko22-22b-selective", "mcore-1.7b", "sc21-1.7b")
    ]
    fast = planes(some)

    def residuals(logs):
        constants = Fit.at(logs).constants()
        chosen = zip(some, fast.choices, strict=True)
        errors = [np.log1p(predict(run, constants, [each], quick=True).error) for run, each in chosen]
        return np.concatenate((np.array(errors) / ERROR, (logs - EXPECTED) / SPREAD))

    bounds = np.full(len(EXPECTED), -np.inf), MOST
    slow = least_squares(residuals, EXPECTED, loss="soft_l1", bounds=bounds, diff_step=1e-3).x
    assert fast.at == pytest.approx(slow, abs=5e-3)


def test_series_are_of_one_line_of_models():
    """GPT models have several names; a series has its largest last."""
    found = {members[-1].id: [run.id for run in members] for members in command.series(RUNS)}
    assert found["ko22-1t-full"] == ["ko22-22b-full", "ko22-175b-full", "ko22-1t-full"]
    assert "mb-qwen3-gb300" not in found
