"""All inner loops are compiled ahead, by their names, and for the types that runs call them with."""

from __future__ import annotations

from importlib import import_module

import pytest
from numba.core.dispatcher import Dispatcher

from planner import solve
from planner.solve.inner_loops import ALL, compile_all
from tests.benchmarks.instances import instances


def functions_of(loops):
    """The functions of some inner loops that Python calls."""
    for kernel in loops.kernels:
        module = import_module(kernel)
        for each in vars(module).values():
            kept = isinstance(each, Dispatcher) and not each.targetoptions.get("no_cpython_wrapper")
            if kept and each.py_func.__module__ == kernel:
                yield each


def test_some_are_compiled_by_name(monkeypatch):
    """A name leads to the call; without any all calls are made."""
    made = []
    for loops in ALL:
        module = import_module(loops.call.__module__)
        monkeypatch.setattr(module, loops.call.__name__, lambda name=loops.name: made.append(name))
    compile_all([ALL[1].name])
    assert made == [ALL[1].name]
    made.clear()
    compile_all()
    assert made == [loops.name for loops in ALL]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["large racks 2", "three tiers 2", "ring of stages 4", "two tiers 8"])
def test_runs_compile_nothing_else(name):
    """A run calls every function with the types that it was compiled for ahead, and no others."""
    compile_all()
    before = {each: list(each.overloads) for loops in ALL for each in functions_of(loops)}
    job = next(each for each in instances() if f"{each.family.name} {each.number}" == name)
    solve(job.cluster, job.workload, time_limit_s=4.0, workers=2)
    assert {each: list(each.overloads) for each in before} == before
    assert all(len(types) == 1 for types in before.values())
