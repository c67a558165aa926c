"""The benchmark of proofs on small instances."""

from __future__ import annotations

import sys

import pytest

from tests.benchmarks import exactness
from tests.benchmarks.exactness import Outcome, row, run
from tests.benchmarks.instances import FAMILIES, instance


def outcome(seconds, *, proven=True, above=0.0):
    """An outcome with these figures."""
    return Outcome("some 0", "some", seconds, proven, 0.0 if proven else 0.01, above)


def test_figures_of_a_family():
    """Proofs and optimal constructions are counted; an optimum that is not proven counts for neither."""
    outcomes = [outcome(1.0), outcome(3.0, above=0.02), outcome(2.0, proven=False)]
    assert row("some", outcomes) == ("some", "3", "2", "2.00", "3.00", "1")


def test_an_instance():
    """A small instance is proven, and what the run constructed is not below its optimum."""
    found = run(instance(next(each for each in FAMILIES if each.name == "small"), 0), 60.0, 1)
    assert found.proven
    assert found.constructed_above >= 0
    assert found.name == "small 0"


def test_the_command(monkeypatch, capsys):
    """It prints a row for every family asked for and one for all."""
    monkeypatch.setattr(sys, "argv", ["exactness", "--only", "small, ring 0", "--limit", "60"])
    exactness.main()
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert ["small,", "ring", "1", "1"] in [row[:4] for row in rows]
    assert rows[-1][:3] == ["all", "1", "1"]


def test_nothing_to_run(monkeypatch, capsys):
    """A name that no instance has is a mistake of the command line."""
    monkeypatch.setattr(sys, "argv", ["exactness", "--only", "nothing of the kind"])
    with pytest.raises(SystemExit):
        exactness.main()
    assert "no instance" in capsys.readouterr().err
