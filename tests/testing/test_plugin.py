"""The pytest plugin, run by pytest inside pytest."""

from __future__ import annotations

import pytest

from planner.placement.file import write_placement
from tests.builders import claimed, grid_cluster, grid_workload

pytest_plugins = ["pytester"]

WORKLOAD = """\
format_version: 1
name: small
parallelism: {tp: 8, pp: 2, dp: 2}
keep: {tp: node}
traffic:
  tp: {kind: all_reduce, bytes: 8 MB}
  pp: {kind: p2p, bytes: 2 MB}
  dp: {kind: all_reduce, bytes: 4 MB}
"""


@pytest.fixture
def project(pytester):
    """A project with a workload, in which the plugin is installed as for any user."""
    (pytester.path / "small.yaml").write_text(WORKLOAD)
    return pytester


def test_plans_once_for_the_same_inputs(project):
    """Two tests with equal inputs, even in two files, get the same placement; others their own."""
    (project.path / "copy.yaml").write_text(WORKLOAD)
    project.makepyfile(
        """
        def test_same(plan_once):
            first = plan_once("lab-4x8", "small.yaml")
            assert plan_once("lab-4x8", "copy.yaml") is first
            assert plan_once("lab-4x8", "small.yaml", seed=1) is not first
            assert plan_once("lab-4x8", "small.yaml", objective="cross_node") is not first

        def test_objects(plan_once):
            import planner
            cluster, job = planner.load_topology("lab-4x8"), planner.load_workload("small.yaml")
            assert plan_once(cluster, job) is plan_once(cluster, job)
        """
    )
    project.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_assertions_pass_and_fail(project):
    """A placement that holds one assertion and not another, with ranks named in the output."""
    project.makepyfile(
        """
        from planner.testing import assert_in_service, assert_within, assert_uses_at_most

        def test_good(plan_once):
            placement = plan_once("lab-4x8", "small.yaml")
            assert_within(placement, axis="tp", tier="node")
            assert_in_service(placement)

        def test_bad(plan_once):
            assert_uses_at_most(plan_once("lab-4x8", "small.yaml"), tier="rack", domains=1)
        """
    )
    result = project.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*2 rack domains used, expected at most 1*", "*rack r* holds 16 ranks: *"])


def test_planner_placement_from_options(project):
    """Options say what is planned."""
    project.makepyfile("def test_ranks(planner_placement): assert len(planner_placement.gpu_of_rank) == 32")
    options = (
        "--planner-topology",
        "lab-4x8",
        "--planner-workload",
        "small.yaml",
        "--planner-time-limit",
        "5s",
    )
    project.runpytest_inprocess("-p", "no:cacheprovider", *options).assert_outcomes(passed=1)


def test_planner_placement_from_the_ini_file(project):
    """Ini values say what is planned, paths relative to the ini file."""
    project.makeini("[pytest]\nplanner_topology = lab-4x8\nplanner_workload = small.yaml\n")
    folder = project.mkdir("tests")
    (folder / "test_it.py").write_text(
        "def test_ranks(planner_placement): assert len(planner_placement.gpu_of_rank) == 32\n"
    )
    project.runpytest_inprocess("-p", "no:cacheprovider", "tests").assert_outcomes(passed=1)


def test_planner_placement_from_a_file(project):
    """A placement file is read."""
    write_placement(claimed(grid_cluster(2, 4), grid_workload(tp=4), range(4)), project.path / "job.json")
    project.makepyfile("def test_ranks(planner_placement): assert len(planner_placement.gpu_of_rank) == 4")
    result = project.runpytest_inprocess("-p", "no:cacheprovider", "--planner-placement", "job.json")
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "*expected --planner-placement, or --planner-topology and --planner-workload*"),
        (("--planner-topology", "lab-4x9", "--planner-workload", "small.yaml"), "*F001*lab-4x9*"),
        (("--planner-placement", "absent.json"), "*error*absent.json*"),
    ],
)
def test_planner_placement_says_what_is_missing(project, options, message):
    """Without a source, or with a wrong one, the test errs with a message and no traceback."""
    project.makepyfile("def test_ranks(planner_placement): pass")
    result = project.runpytest_inprocess("-p", "no:cacheprovider", *options)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_planner_stored_writes_and_compares(project):
    """--planner-update stores; afterwards a placement that moved fails."""
    project.makepyfile(
        """
        import dataclasses

        def test_same(plan_once, planner_stored):
            planner_stored(plan_once("lab-4x8", "small.yaml"), "stored.json")

        def test_moved(plan_once, planner_stored):
            placement = plan_once("lab-4x8", "small.yaml")
            turned = dataclasses.replace(placement, gpu_of_rank=placement.gpu_of_rank[::-1].copy())
            planner_stored(turned, "stored.json", except_ranks="0-3")
        """
    )
    update = project.runpytest_inprocess("-p", "no:cacheprovider", "--planner-update", "-k", "same")
    update.assert_outcomes(passed=1, deselected=1)
    result = project.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*28 ranks moved against the stored placement: 4-31*"])


def test_infeasible_job_can_be_expected(project):
    """plan_once raises what the planner raises."""
    (project.path / "large.yaml").write_text(WORKLOAD.replace("dp: 2", "dp: 64"))
    project.makepyfile(
        """
        import pytest
        from planner.errors import InfeasibleError

        def test_too_large(plan_once):
            with pytest.raises(InfeasibleError):
                plan_once("lab-4x8", "large.yaml")
        """
    )
    project.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_plugin_starts_without_the_solver(project):
    """Loading the plugin imports neither ortools nor numpy, so that other projects' tests start fast."""
    project.makepyfile(
        "import sys\ndef test_modules(): assert not {'ortools', 'numpy', 'pydantic'} & set(sys.modules)"
    )
    project.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest").assert_outcomes(
        passed=1
    )
