"""`planner topology import`."""

from __future__ import annotations

import json

import pytest

from planner.topology.load import load_topology
from tests.cli.commands import planner, process


def instances(*nodes_of, kind="p5.48xlarge"):
    """What AWS prints of instances with these network nodes."""
    found = [
        {"InstanceId": f"i-{n}", "InstanceType": kind, "NetworkNodes": nodes}
        for n, nodes in enumerate(nodes_of)
    ]
    return json.dumps({"Instances": found}, indent=1)


@pytest.fixture
def good(tmp_path):
    """Four instances under two leaves, with nothing odd."""
    path = tmp_path / "good.json"
    path.write_text(instances(["a", "b"], ["a", "b"], ["a", "c"], ["a", "c"]))
    return path


@pytest.fixture
def odd(tmp_path):
    """One instance whose place is not known."""
    path = tmp_path / "odd.json"
    path.write_text(instances(["a", "b"], ["a", "c"], []))
    return path


def test_the_format_is_recognised(good, tmp_path):
    """Without one a file is what it looks like, and what is written loads."""
    path = tmp_path / "new.yaml"
    outcome = planner("topology", "import", good, "-o", path, "--name", "mine")
    assert (outcome.code, outcome.out) == (0, "")
    cluster = load_topology(path)
    assert (cluster.name, cluster.gpus) == ("mine", 32)
    assert [tier.domains for tier in cluster.tiers] == [4, 2, 1]
    assert "mine: 4 nodes, 32 GPUs" in outcome.err


def test_formats_that_are_named(good, tmp_path):
    """In front of all sources, or with one of them."""
    for words in (["aws", good], [f"aws:{good}"]):
        assert planner("topology", "import", *words, "-o", tmp_path / "new.yaml").code == 0


def test_unknown_formats_are_usage_errors(good, tmp_path):
    """With the format that was probably meant."""
    for words in (["awz", good], [f"awz:{good}"]):
        outcome = planner("topology", "import", *words, "-o", tmp_path / "new.yaml")
        assert outcome.code == 2
        assert "did you mean 'aws'?" in outcome.err


def test_files_that_look_like_nothing(tmp_path):
    """An error of the input, that names the formats there are."""
    path = tmp_path / "prose.txt"
    path.write_text("nothing of the kind\n")
    outcome = planner("topology", "import", path, "-o", tmp_path / "new.yaml")
    assert outcome.code == 3
    assert "error[I003]" in outcome.err
    assert "aws" in outcome.err


def test_findings_are_warnings(odd, tmp_path):
    """With their place and code, and the file is written."""
    outcome = planner("topology", "import", odd, "-o", tmp_path / "new.yaml")
    assert outcome.code == 0
    assert f"{odd}:" in outcome.err
    assert "warning[I015]" in outcome.err
    assert "^" in outcome.err
    assert "1 finding" in outcome.err


def test_strict_takes_findings_for_errors(odd, good, tmp_path):
    """Exit code 3 and nothing written; without findings it changes nothing."""
    path = tmp_path / "new.yaml"
    outcome = planner("topology", "import", odd, "-o", path, "--strict")
    assert outcome.code == 3
    assert "error[I015]" in outcome.err
    assert not path.exists()
    assert planner("topology", "import", good, "-o", path, "--strict").code == 0


def test_the_report_as_json(odd, tmp_path):
    """Counts, findings with their places, assumptions, and what was written."""
    path = tmp_path / "new.yaml"
    document = planner("topology", "import", odd, "-o", path, "--json").document
    assert document["output"] == str(path)
    assert (document["nodes"], document["gpus"], document["findings"]) == (3, 24, 1)
    assert document["problems"][0]["code"] == "I015"
    assert document["sources"] == [{"file": str(odd), "format": "aws"}]
    refused = planner("topology", "import", odd, "-o", path, "--json", "--strict")
    assert refused.code == 3
    assert refused.document["output"] is None


def test_options_answer_what_no_source_says(tmp_path):
    """Model, number of GPUs, NICs and NVLink of instances of a type that is not known."""
    source, path = tmp_path / "in.json", tmp_path / "new.yaml"
    source.write_text(instances(["a"], ["b"], kind="p9.big"))
    words = ["--gpu", "h200", "--gpus", "4", "--nic-bandwidth", "200 Gb/s", "--scale-up", "300 GB/s"]
    assert planner("topology", "import", source, "-o", path, "--strict", *words).code == 0
    cluster = load_topology(path)
    assert (cluster.gpus, cluster.gpu_kinds[0].name) == (8, "h200")
    assert set(cluster.nic_bytes_per_s) == {25e9}
    assert cluster.tiers[0].scale_up_bytes_per_s == 300e9


def test_mistakes_in_options_are_usage_errors(good, tmp_path):
    """Named by the option."""
    for option, value in (("--gpu", "h10"), ("--nic-bandwidth", "400"), ("--scale-up", "fast")):
        outcome = planner("topology", "import", good, "-o", tmp_path / "new.yaml", option, value)
        assert outcome.code == 2
        assert option in outcome.err


def test_standard_input(good, tmp_path):
    """Read for -, and named so in positions."""
    path = tmp_path / "new.yaml"
    with good.open() as file:
        outcome = process("topology", "import", "-", "-o", path, stdin=file)
    assert outcome.code == 0, outcome.err
    assert "<stdin> (aws)" in path.read_text()


def test_paths_are_asked_before_anything_is_read(good, tmp_path):
    """A source is not written over, and a source that is missing is an error of the input."""
    assert planner("topology", "import", good, "-o", good).code == 2
    assert planner("topology", "import", tmp_path / "missing.json", "-o", tmp_path / "new.yaml").code == 3
