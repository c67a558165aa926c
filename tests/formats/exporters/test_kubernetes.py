"""Kubernetes exports: manifests of the three routes, and what is refused."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from ruamel.yaml import YAML

from planner.errors import UsageError
from planner.formats.exporters import kubernetes
from planner.formats.exporters.kubernetes import MOST_PINNED
from planner.formats.exporting import bundle, launcher_files
from planner.formats.writing.folder import write_folder
from planner.formats.writing.kubernetes.manifests import LARGEST_DATA, Job, data_bytes, job_set
from planner.formats.writing.kubernetes.node_table import nodes_of
from tests.builders import claimed, grid_cluster, grid_workload
from tests.formats.jobs import in_blocks, irregular, regular


def load(export, name):
    """A manifest of an export."""
    return YAML(typ="safe").load(export.files[name])


def pods(export):
    """Replicated jobs by name: how many pods, and their spec."""
    jobs = load(export, "jobset.yaml")["spec"]["replicatedJobs"]
    specs = {job["name"]: job["template"]["spec"] for job in jobs}
    return {name: (spec["completions"], spec["template"]["spec"]) for name, spec in specs.items()}


def environment(pod):
    """Variables with plain values."""
    return {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}


def named(pod):
    """Nodes that a pod may run on."""
    required = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    return required["nodeSelectorTerms"][0]["matchExpressions"][0]["values"]


def flagship(gpus):
    """A job of 220,032 ranks on hosts of four."""
    cluster = grid_cluster(191, 16, 18, 4)
    workload = grid_workload(pp=36, dp=6112, families=[("dp", "all_reduce", 1)])
    return claimed(cluster, workload, gpus)


def test_pods_of_the_configmap_route():
    """That of rank 0 is known by name; the others come by the number of their GPUs, each on its nodes."""
    found = pods(launcher_files(irregular(), "kubernetes"))
    assert {name: (count, named(pod)) for name, (count, pod) in found.items()} == {
        "first": (1, ["r01-n00"]),
        "gpus-8": (1, ["r00-n01"]),
        "gpus-3": (1, ["r00-n00"]),
    }
    for _, pod in found.values():
        assert environment(pod)["MASTER_ADDR"] == "test-first-0-0.test"
        assert environment(pod)["WORLD_SIZE"] == "10"
        assert pod["containers"][0]["env"][0]["valueFrom"]["fieldRef"]["fieldPath"] == "spec.nodeName"
        (apart,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert apart["topologyKey"] == "kubernetes.io/hostname"
    assert [pod["containers"][0]["resources"]["limits"] for _, pod in found.values()] == [
        {"nvidia.com/gpu": "5"},
        {"nvidia.com/gpu": "8"},
        {"nvidia.com/gpu": "3"},
    ]


def test_pods_of_the_jobset_route():
    """A pinned job for every node, with its ranks."""
    found = pods(launcher_files(irregular(), "kubernetes", ["route=jobset"]))
    told = [
        (pod["nodeSelector"], environment(pod)["PLANNER_RANKS"], environment(pod)["PLANNER_DEVICES"])
        for _, pod in found.values()
    ]
    assert told == [
        ({"kubernetes.io/hostname": "r01-n00"}, "0,3,9", "4,0,2"),
        ({"kubernetes.io/hostname": "r00-n01"}, "1-2,4,6,8", "7,6,4,1,0"),
        ({"kubernetes.io/hostname": "r00-n00"}, "5,7", "0,2"),
    ]


def test_pods_of_the_kueue_route():
    """One set of pods with annotations, in a queue; no node is named."""
    workload = grid_workload(dp=8, families=[("dp", "all_reduce", 1)])
    placement = claimed(grid_cluster(2, 2, 2), workload, np.array([4, 5, 6, 7, 2, 3, 0, 1]))
    export = launcher_files(placement, "kubernetes", ["route=kueue", "queue=ours", "labels=rack=site/rack"])
    job_set = load(export, "jobset.yaml")
    assert job_set["metadata"]["labels"] == {"kueue.x-k8s.io/queue-name": "ours"}
    ((count, pod),) = pods(export).values()
    assert count == 4
    assert "affinity" not in pod
    template = job_set["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]
    assert template["metadata"]["annotations"] == {
        "kueue.x-k8s.io/podset-slice-required-topology": "site/rack",
        "kueue.x-k8s.io/podset-slice-size": "2",
    }
    assert load(export, "topology.yaml")["spec"]["levels"][0]["nodeLabel"] == "site/rack"
    assert export.proof == ""


def test_options():
    """Name, image, command, port, resource and network are where Kubernetes looks for them."""
    given = ["name=run-7", "image=site/train:3", "command=python a.py --x $(date)", "port=4711"]
    export = launcher_files(in_blocks(), "kubernetes", [*given, "resource=amd.com/gpu", "network=host"])
    for _, pod in pods(export).values():
        (container,) = pod["containers"]
        assert pod["hostNetwork"] is True
        assert pod["dnsPolicy"] == "ClusterFirstWithHostNet"
        assert container["image"] == "site/train:3"
        # The shell is to read $( ), not Kubernetes.
        assert container["args"] == ["sh", "-c", "python a.py --x $$(date)"]
        assert container["resources"]["limits"] == {"amd.com/gpu": "4"}
        assert environment(pod)["MASTER_ADDR"] == "run-7-first-0-0.run-7"
        assert environment(pod)["MASTER_PORT"] == "4711"
    assert load(export, "configmap.yaml")["metadata"]["name"] == "run-7-plan"


def test_name_of_the_workload():
    """What a name cannot have becomes dashes, and a long one is cut."""
    placement = regular()
    for name, expected in [("Llama 3.1", "llama-3-1"), ("405b", "job-405b"), ("x" * 99, "x" * 40)]:
        own = replace(placement, workload=replace(placement.workload, name=name))
        assert load(launcher_files(own, "kubernetes"), "jobset.yaml")["metadata"]["name"] == expected


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["name=Run_7"], "E022"),
        (["name=" + "x" * 41], "E022"),
        (["queue=ours"], "E002"),
        (["labels=rack=x", "route=jobset"], "E002"),
        (["nodes=label", "route=jobset"], "E002"),
        (["route=magic"], "E002"),
    ],
)
def test_refused_options(given, code):
    """What no name can be, and what the chosen route would not look at."""
    with pytest.raises(UsageError, match=code):
        launcher_files(regular(), "kubernetes", given)


def test_nodes_by_label():
    """Pods select a label, which the script puts on the nodes of each shape."""
    export = launcher_files(irregular(), "kubernetes", ["nodes=label"])
    selectors = {name: pod["nodeSelector"] for name, (_, pod) in pods(export).items()}
    assert selectors["gpus-8"] == {"planner/plan": "test.gpus-8"}
    assert export.files["nodes-gpus-8"] == b"r00-n01\n"
    assert b"planner/plan=test.gpus-8' sh <nodes-gpus-8" in export.files["label-nodes.sh"]
    assert export.executable == {"label-nodes.sh"}
    assert export.command.startswith("./label-nodes.sh && ")
    assert export.proof.startswith("./label-nodes.sh && ")


def test_labelling_script(tmp_path):
    """It tells kubectl every node of each shape, a hundred at a time, and frees those of an earlier plan."""
    workload = grid_workload(dp=251, families=[("dp", "all_reduce", 1)])
    placement = claimed(grid_cluster(1, 251, 1), workload, np.arange(251))
    write_folder(launcher_files(placement, "kubernetes", ["nodes=label"]), tmp_path / "out")
    kubectl = tmp_path / "kubectl"
    kubectl.write_text('#!/bin/sh\n[ $1 != get ] || set -- node/left\necho "$@"\n')
    kubectl.chmod(0o755)
    done = subprocess.run(
        [tmp_path / "out" / "label-nodes.sh"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    first, *rest = done.stdout.splitlines()
    assert first == "label node/left planner/plan-"
    told = [line.split() for line in rest]
    assert [(words[:3], len(words) - 4, words[-1]) for words in told] == [
        (["label", "node", "--overwrite"], count, f"planner/plan=test.{shape}")
        for count, shape in [(1, "first"), (100, "gpus-1"), (100, "gpus-1"), (50, "gpus-1")]
    ]
    assert sorted(name for words in told for name in words[3:-1]) == sorted(placement.cluster.host_names)


def test_proof_runs_in_the_same_pods():
    """The same pods, another command, and the files that it needs."""
    export = bundle(irregular(), "kubernetes")
    proof = load(export, "verify.yaml")["spec"]["replicatedJobs"]
    assert [job["name"] for job in proof] == ["first", "gpus-8", "gpus-3"]
    pod = proof[0]["template"]["spec"]["template"]["spec"]
    assert "planner_verify.py" in pod["containers"][0]["args"][-1]
    sources = pod["volumes"][0]["projected"]["sources"]
    assert [source["configMap"]["name"] for source in sources] == ["test-plan", "test-verify"]
    assert "create configmap test-verify" in export.proof
    first = export.proof.splitlines()[0]
    assert first.startswith("kubectl delete --ignore-not-found jobset/test-verify configmap/test-verify")


@pytest.mark.slow
@pytest.mark.parametrize("drawn", [False, True])
def test_the_largest_cluster(drawn):
    """220,032 ranks fit one ConfigMap, in order as well as all drawn at random."""
    gpus = np.arange(220_032)
    placement = flagship(np.random.default_rng(1).permutation(gpus) if drawn else gpus)
    export = launcher_files(placement, "kubernetes", ["nodes=label"])
    plan = load(export, "configmap.yaml")
    assert data_bytes(plan) < LARGEST_DATA
    assert table_of(plan).count("\n") == 55_008
    assert len(export.files["jobset.yaml"]) < 10_000
    assert export.proof == ""


@pytest.mark.parametrize("given", ["route=configmap", "route=jobset"])
def test_many_nodes(given):
    """Many nodes by name, or a job for each: refused, with the way out."""
    workload = grid_workload(dp=1001, families=[("dp", "all_reduce", 1)])
    placement = claimed(grid_cluster(1, 1001, 1), workload, np.arange(1001))
    with pytest.raises(UsageError, match=r"E023(.|\n)*try: --option"):
        launcher_files(placement, "kubernetes", [given])


def test_as_many_pinned_jobs_as_fit():
    """The manifest of so many stays below what Kubernetes keeps."""
    workload = grid_workload(dp=MOST_PINNED, families=[("dp", "all_reduce", 1)])
    placement = claimed(grid_cluster(1, MOST_PINNED, 1), workload, np.arange(MOST_PINNED))
    shapes, _, _ = kubernetes._by_pins(nodes_of(placement))
    job = Job("x" * 40, "pytorch/pytorch", "python train.py", "nvidia.com/gpu", MOST_PINNED, 29500)
    assert 0.8 * LARGEST_DATA < len(json.dumps(job_set(job, shapes, ["plan"]))) < LARGEST_DATA


def test_objects_that_are_too_large(monkeypatch):
    """Whatever makes them so, table or manifest, nothing is written that the API would refuse."""
    with pytest.raises(UsageError, match=r"E023.*the JobSet takes"):
        launcher_files(irregular(), "kubernetes", [f"command=echo {'x' * 400_000}"])
    monkeypatch.setattr(kubernetes, "LARGEST_DATA", 3000)
    with pytest.raises(UsageError, match=r"E023.*the table of 3 nodes"):
        launcher_files(irregular(), "kubernetes")


def table_of(manifest):
    """The packed table of a ConfigMap."""
    return gzip.decompress(base64.b64decode(manifest["binaryData"]["nodes.gz"])).decode()
