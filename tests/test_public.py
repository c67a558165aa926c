"""The public names of the package."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

import planner


def test_all_names_are_there():
    """Every public name can be had, and is what it is called."""
    assert sorted(planner.__all__) == list(planner.__all__)
    for name in set(planner.__all__) - {"__version__", "solve"}:
        assert getattr(planner, name).__name__ == name
    assert planner.solve.__call__ is planner.solve.solve


def test_the_names():
    """A change of the public surface is a decision."""
    assert set(planner.__all__) == {
        "Cluster",
        "Objective",
        "Placement",
        "PlannerError",
        "Result",
        "Workload",
        "__version__",
        "balance",
        "check",
        "load_topology",
        "load_workload",
        "read_placement",
        "solve",
        "write_placement",
    }


def test_unknown_names_are_attribute_errors():
    """As in any module."""
    with pytest.raises(AttributeError, match="has no attribute 'sovle'"):
        planner.sovle  # noqa: B018


@pytest.mark.parametrize(
    "first", ["import planner.solve.setup.result", "from planner.solve import solve", "pass"]
)
def test_solve_can_be_called_whatever_was_imported_first(first):
    """The subpackage of the same name is itself callable."""
    script = f"{first}\nimport planner\nprint(callable(planner.solve))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_importing_the_package_imports_nothing_else():
    """Names are loaded when they are used."""
    script = (
        "import sys, planner; print([m for m in sys.modules if m.startswith('planner.') or m == 'numpy'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_compiling_leaves_the_streams_alone():
    """What is printed while numba compiles in another thread goes where it should."""
    script = """
        import sys
        import planner
        from numba.core.errors import termcolor
        class Streams:
            def __setattr__(self, name, value):
                assert name not in ("stdout", "stderr")
        sys.modules["colorama.initialise"].sys = Streams()
        termcolor().errmsg("a mistake")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
