"""The pytest plugin: fixtures that plan once a session, and options to say what.

Installing the planner registers it. Whatever is heavy is imported when a fixture is first used.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from planner.placement.placement import Placement

SOURCES = {
    "placement": "placement file that the planner_placement fixture reads",
    "topology": "topology, a path or shipped name, that planner_placement plans on",
    "workload": "workload, a path or shipped name, that planner_placement plans",
    "time_limit": "time limit of each plan, such as 10s; by default the solver has its own",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and ini values of the same names."""
    group = parser.getgroup("planner", "placements under test")
    for name, meaning in SOURCES.items():
        group.addoption(f"--planner-{name.replace('_', '-')}", dest=f"planner_{name}", help=meaning)
        parser.addini(f"planner_{name}", meaning)
    group.addoption(
        "--planner-update",
        action="store_true",
        help="write the placements that planner_stored compares with, instead of comparing",
    )


@pytest.fixture(scope="session")
def plan_once(pytestconfig: pytest.Config) -> Callable[..., Placement]:
    """Plan a topology and workload, once a session for the same inputs and options.

    Takes what `planner.testing.session.PlanningSession.plan` takes.
    """
    from planner.testing.session import PlanningSession
    from planner.units import parse_seconds

    session = PlanningSession()
    limit = _setting(pytestconfig, "time_limit")
    default = parse_seconds(limit) if limit else None

    def plan(topology: object, workload: object, **options: object) -> Placement:
        return session.plan(topology, workload, **({"time_limit_s": default} | options))  # type: ignore[arg-type]

    return plan


@pytest.fixture(scope="session")
def planner_placement(pytestconfig: pytest.Config, plan_once: Callable[..., Placement]) -> Placement:
    """The placement under test: read from a file, or planned, as options or ini values say."""
    from planner.errors import PlannerError
    from planner.placement.file import read_placement

    stored = _setting(pytestconfig, "placement")
    topology, workload = _setting(pytestconfig, "topology"), _setting(pytestconfig, "workload")
    if not stored and not (topology and workload):
        pytest.fail(
            "planner_placement: expected --planner-placement, or --planner-topology and --planner-workload; "
            "they can also stand in the ini file, as planner_placement and so on",
            pytrace=False,
        )
    try:
        return read_placement(Path(stored)) if stored else plan_once(topology, workload)
    except PlannerError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def planner_stored(pytestconfig: pytest.Config) -> Callable[..., None]:
    """Compare a placement with a stored one, or store it where ``--planner-update`` is given.

    Takes what `planner.testing.assert_unchanged` takes.
    """
    from planner.placement.file import write_placement
    from planner.testing.stored import assert_unchanged

    def compare(placement: Placement, path: str | Path, *, except_ranks: Sequence[int] | str = ()) -> None:
        if pytestconfig.getoption("planner_update"):
            write_placement(placement, Path(path))
        assert_unchanged(placement, path, except_ranks=except_ranks)

    return compare


def _setting(config: pytest.Config, name: str) -> str:
    """An option, or the ini value of the same name; names in the ini file are relative to it."""
    given = config.getoption(f"planner_{name}")
    if given:
        return str(given)
    written = str(config.getini(f"planner_{name}"))
    beside = (config.inipath or config.rootpath / "ini").parent / written
    return str(beside) if written and beside.exists() else written
