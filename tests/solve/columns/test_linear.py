"""Linear programmes that grow: solved right from the start, after rows and columns, and after changes."""

from __future__ import annotations

from itertools import count, pairwise

import pytest

from planner.solve.columns.linear import LinearProgramme


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


def chain(length):
    """A flow through a long chain of rows, which takes about as many steps as it has rows."""
    programme = LinearProgramme()
    rows = [programme.add_row(1.0, float("inf")) for _ in range(length)]
    for one, other in pairwise(rows):
        programme.add_column(1.0 + 0.001 * one, [one, other], [1.0, 2.0])
    programme.add_column(1.0, [rows[0]], [1.0])
    return programme


def test_a_long_solution_asks_whether_to_go_on():
    """It asks again and again; told to end it is not solved, and afterwards it is solved all the same."""
    asked = count()
    assert not chain(2_000).solve(lambda: next(asked) >= 2)
    assert next(asked) == 5
    whole, halted = chain(2_000), chain(2_000)
    assert not halted.solve(lambda: True)
    assert whole.solve()
    assert halted.solve()
    assert halted.value == pytest.approx(whole.value)


def test_work_is_counted_and_repeats():
    """The same programme takes the same work each time, and what is solved already takes no more."""
    one, other = chain(300), chain(300)
    assert one.solve()
    assert other.solve()
    assert one.work == other.work > 0
    before = one.work
    assert one.solve()
    assert one.work == before
