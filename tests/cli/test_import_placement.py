"""`planner import-placement`."""

from __future__ import annotations

import pytest

from tests.cli.commands import planner


@pytest.fixture
def imported(topology, workload, tmp_path):
    """A function that reads a list back; its outcome and the file it wrote."""

    def reads(source, *options):
        path = tmp_path / "imported.json"
        inputs = ("--topology", topology, "--workload", workload)
        return planner("import-placement", source, *inputs, "-o", path, *options), path

    return reads


@pytest.mark.parametrize(
    ("to", "name"), [("slurm", "hostfile"), ("openmpi", "rankfile"), ("csv", "ranks.csv")]
)
def test_what_was_exported_is_the_same_placement(placement, imported, tmp_path, to, name):
    """The check finds nothing, and nothing moved."""
    planner("export", placement, "--to", to, "-o", f"{tmp_path / to}/")
    outcome, path = imported(tmp_path / to / name)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", f"written to {path}\n")
    assert planner("check", path).code == 0
    assert planner("diff", placement, path).code == 0


def test_a_host_file_of_others(placement, imported, tmp_path):
    """That GPUs were assumed is said, unless they were given; each way they are what was asked for."""
    source = tmp_path / "hosts"
    source.write_text("".join(f"r{rack}-n{node}*4\n" for rack in (2, 1) for node in (1, 2)))
    outcome, path = imported(source)
    assert outcome.code == 0
    assert "16 of 16 ranks are listed without a GPU" in outcome.err
    outcome, path = imported(source, "--gpu-map", "3,2,1,0", "--format", "slurm", "--objective", "bottleneck")
    assert outcome.err == f"written to {path}\n"
    where = planner("export", path, "--to", "csv", "-o", tmp_path / "ranks.csv")
    assert where.code == 0
    rows = (tmp_path / "ranks.csv").read_text().splitlines()
    assert [row.split(",")[6:8] for row in rows[1:3]] == [["r2-n1", "3"], ["r2-n1", "2"]]


def test_broken_rules_are_told(imported, tmp_path):
    """A placement that breaks a rule is read all the same: it may be what runs today."""
    source = tmp_path / "hosts"
    source.write_text("".join(f"r{rack}-n{node}\n" for _ in range(4) for rack in (1, 2) for node in (1, 2)))
    outcome, path = imported(source)
    assert outcome.code == 0
    assert "keep tp: node is broken" in outcome.err
    assert planner("check", path).code == 1


@pytest.mark.parametrize(
    ("text", "options", "code", "told"),
    [
        ("r1-n3*16\n", (), 3, ["hosts:1:1", "did you mean 'r1-n"]),
        ("r1-n1*4\n", (), 3, ["rank 4 is not listed, nor 11 more"]),
        ("r1-n1*4\n", ("--format", "rankfiles"), 2, ["did you mean 'rankfile'"]),
        ("r1-n1*4\n", ("--gpu-map", "0,x"), 2, ["no list of GPUs"]),
        ("\n", (), 3, ["is empty"]),
    ],
)
def test_mistakes(imported, tmp_path, text, options, code, told):
    """Each is told with its place, and nothing is written."""
    source = tmp_path / "hosts"
    source.write_text(text)
    outcome, path = imported(source, *options)
    assert outcome.code == code
    assert all(each in outcome.err for each in told)
    assert not path.exists()


def test_inputs_are_not_overwritten(topology, workload, tmp_path):
    """The list itself among them."""
    source = tmp_path / "hosts"
    source.write_text("r1-n1*16\n")
    inputs = ("--topology", topology, "--workload", workload)
    assert planner("import-placement", source, *inputs, "-o", source).code == 2
