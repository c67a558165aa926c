"""Linear programmes that grow: solved right from the start, after rows and columns, and after changes."""

from __future__ import annotations

import pytest

from planner.solve.linear import LinearProgramme


def diet():
    """Two goods that cost 3 and 2; one unit of either is needed, and the cheap one is scarce."""
    programme = LinearProgramme()
    need = programme.add_row(1.0, float("inf"))
    dear = programme.add_column(3.0, [need], [1.0])
    cheap = programme.add_column(2.0, [need], [1.0])
    programme.add_row(-float("inf"), 0.25, [cheap], [1.0])
    return programme, need, dear, cheap


def test_values_amounts_and_duals():
    """A programme with one solution gives its value, its amounts, and what rows are worth."""
    programme, need, dear, cheap = diet()
    assert programme.solve()
    assert programme.value == pytest.approx(2.75)
    assert programme.amounts[[dear, cheap]].tolist() == pytest.approx([0.75, 0.25])
    assert programme.duals[need] == pytest.approx(3.0)
    assert programme.duals[1] == pytest.approx(-1.0)


def test_rows_and_columns_added_later_count():
    """After a solution a cheaper column lowers the value, and a new row raises it again."""
    programme, need, dear, _ = diet()
    assert programme.solve()
    free = programme.add_column(0.5, [need], [1.0])
    assert programme.solve()
    assert programme.value == pytest.approx(0.5)
    programme.add_row(0.5, float("inf"), [dear], [1.0])
    assert programme.solve()
    assert programme.value == pytest.approx(1.5 + 0.25)
    assert programme.amounts[free] == pytest.approx(0.5)


def test_costs_and_least_amounts_change():
    """A new cost and a least amount count at the next solution."""
    programme, _, dear, cheap = diet()
    assert programme.solve()
    programme.set_cost(dear, 1.0)
    programme.set_lower(cheap, 0.1)
    assert programme.solve()
    assert programme.value == pytest.approx(0.9 + 0.2)


def test_no_solution_is_said():
    """A programme that nothing satisfies is not solved."""
    programme, _, dear, cheap = diet()
    programme.add_row(-float("inf"), 0.5, [dear, cheap], [1.0, 1.0])
    assert not programme.solve()


def test_nothing_is_printed(capfd):
    """Standard output is for results."""
    diet()[0].solve()
    assert capfd.readouterr() == ("", "")
