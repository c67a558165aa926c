"""Exported manifests against the published schemas of their kinds, kept beside the exporter's tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from planner.formats.exporting import bundle
from tests.builders import claimed, grid_cluster, grid_workload
from tests.formats.jobs import irregular
from tests.real.other import ask, needs

pytestmark = [pytest.mark.real, needs("jsonschema", "kubeflow_trainer_api")]

SCHEMAS = Path(__file__).parents[1] / "formats" / "exporters" / "kubernetes"
VALIDATE = """
import json, sys
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
answers = []
def leaf(error):
    return f"{error.json_path}: {error.message[:200]}"
for schema, document in json.load(sys.stdin):
    Draft202012Validator.check_schema(schema)
    found = Draft202012Validator(schema).iter_errors(document)
    answers.append([leaf(best_match([error])) for error in found])
print(json.dumps(answers))
"""
GENERATE = """
import json, sys
sys.path.insert(0, json.load(sys.stdin))
import kubernetes_schemas as made
print(json.dumps({name: made.schema(model) for name, model in made.MODELS.items()}))
"""
KINDS = {"JobSet": "jobset", "ConfigMap": "configmap", "Topology": "topology"}


def schema(name):
    """A kept schema."""
    return json.loads((SCHEMAS / f"{name}.json").read_text())


def manifests(placement, *options):
    """All manifests of an export."""
    files = bundle(placement, "kubernetes", options).files
    return [YAML(typ="safe").load(text) for path, text in files.items() if path.endswith(".yaml")]


def regular():
    """A placement that Kueue can keep."""
    workload = grid_workload(dp=8, families=[("dp", "all_reduce", 1)])
    return claimed(grid_cluster(2, 2, 2), workload, np.arange(8))


def test_manifests_are_valid():
    """Every manifest of every route, in pods of every shape."""
    found = [
        *manifests(irregular()),
        *manifests(irregular(), "network=host", "nodes=label"),
        *manifests(irregular(), "route=jobset"),
        *manifests(regular(), "route=kueue"),
    ]
    assert {each["kind"] for each in found} == set(KINDS)
    assert ask(VALIDATE, [(schema(KINDS[each["kind"]]), each) for each in found]) == [[]] * len(found)


@pytest.mark.parametrize("mistake", ["nodeselector", "completions"])
def test_schemas_find_mistakes(mistake):
    """A wrong key, deep in a pod, does not pass, nor does a wrong type."""
    (job_set,) = (each for each in manifests(regular(), "route=kueue") if each["kind"] == "JobSet")
    job = job_set["spec"]["replicatedJobs"][0]["template"]["spec"]
    if mistake == "nodeselector":
        job["template"]["spec"][mistake] = {}
    else:
        job[mistake] = "four"
    (errors,) = ask(VALIDATE, [(schema("jobset"), job_set)])
    assert any(mistake in error for error in errors)


def test_kept_schemas_are_those_of_the_package():
    """Nobody has changed them by hand."""
    assert ask(GENERATE, str(Path(__file__).parent)) == {
        name: schema(name) for name in ("configmap", "jobset")
    }
