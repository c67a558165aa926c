"""Manifests of Kubernetes: a JobSet whose pods start the ranks of their nodes, and what it reads.

Fields are those of the JobSet API (``jobset.x-k8s.io/v1alpha2``) and of Kubernetes' own batch and core
APIs.
"""

from __future__ import annotations

import base64
import gzip
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ruamel.yaml.scalarstring import LiteralScalarString

from planner.formats.jobside import program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Manifest = dict[str, Any]

FILES = "/etc/planner"
HOSTNAME = "kubernetes.io/hostname"
PLAN_LABEL = "planner/plan"
LARGEST_PLAIN = 256 * 1024
LARGEST_DATA = 1_000_000
"""Bytes of a ConfigMap's data; the API refuses more than 1 MiB."""


@dataclass(frozen=True)
class Pods:
    """Pods of one shape, one a node.

    Parameters
    ----------
    name
        What they are called in the JobSet.
    count
        How many.
    gpus
        GPUs that each asks for.
    selector
        Labels of the nodes that they may run on.
    hosts
        Names of the nodes that they may run on; empty where `selector` says it all.
    environment
        What their programs see besides what all have in common.
    annotations
        Of each pod.
    apart
        Whether no two of them may share a node.
    """

    name: str
    count: int
    gpus: int
    selector: Mapping[str, str] = field(default_factory=dict)
    hosts: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    apart: bool = True


@dataclass(frozen=True)
class Job:
    """What all pods of a job have in common.

    Parameters
    ----------
    name
        Name of the JobSet.
    image, command
        What they run; the command as a shell reads it.
    resource
        What Kubernetes calls a GPU.
    world_size, port
        Number of ranks, and where they first meet, in the first pod of the first shape.
    host_network
        Whether pods use the network of their nodes.
    labels
        Of the JobSet.
    """

    name: str
    image: str
    command: str
    resource: str
    world_size: int
    port: int
    host_network: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


def config_map(name: str, table: str) -> Manifest:
    """The program that pods run and the table that it reads, packed where it is long."""
    manifest: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    data = {"pod.py": LiteralScalarString(program("pod.py").decode())}
    if len(table) > LARGEST_PLAIN:
        packed = gzip.compress(table.encode(), mtime=0)
        return {**manifest, "data": data, "binaryData": {"nodes.gz": base64.b64encode(packed).decode()}}
    if table:
        data["nodes"] = LiteralScalarString(table)
    return {**manifest, "data": data}


def data_bytes(manifest: Manifest) -> int:
    """Bytes of a ConfigMap's data, as the API counts them."""
    plain = sum(len(text.encode()) for text in manifest["data"].values())
    return plain + sum(len(base64.b64decode(text)) for text in manifest.get("binaryData", {}).values())


def job_set(job: Job, shapes: Sequence[Pods], config_maps: Sequence[str]) -> Manifest:
    """The JobSet whose pods read the `config_maps`."""
    metadata: Manifest = {"name": job.name}
    if job.labels:
        metadata["labels"] = dict(job.labels)
    first = f"{job.name}-{shapes[0].name}-0-0.{job.name}"
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": metadata,
        "spec": {
            "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
            # Ranks that are left alone would wait for the others for ever.
            "failurePolicy": {"maxRestarts": 0},
            "replicatedJobs": [_replicated(job, pods, first, config_maps) for pods in shapes],
        },
    }


def _replicated(job: Job, pods: Pods, first: str, config_maps: Sequence[str]) -> Manifest:
    metadata: Manifest = {"labels": {PLAN_LABEL: job.name}}
    if pods.annotations:
        metadata["annotations"] = dict(pods.annotations)
    return {
        "name": pods.name,
        "replicas": 1,
        "template": {
            "spec": {
                "backoffLimit": 0,
                "completionMode": "Indexed",
                "completions": pods.count,
                "parallelism": pods.count,
                "template": {"metadata": metadata, "spec": _pod(job, pods, first, config_maps)},
            }
        },
    }


def _pod(job: Job, pods: Pods, first: str, config_maps: Sequence[str]) -> Manifest:
    network = {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"} if job.host_network else {}
    return {
        "restartPolicy": "Never",
        **network,
        **({"nodeSelector": dict(pods.selector)} if pods.selector else {}),
        **({"affinity": _affinity(job, pods)} if pods.apart else {}),
        "tolerations": [{"key": job.resource, "operator": "Exists", "effect": "NoSchedule"}],
        "containers": [_container(job, pods, first)],
        "volumes": [
            {
                "name": "plan",
                "projected": {"sources": [{"configMap": {"name": name}} for name in config_maps]},
            },
            {"name": "shared-memory", "emptyDir": {"medium": "Memory"}},
        ],
    }


def _affinity(job: Job, pods: Pods) -> Manifest:
    """No two pods of the job on a node, and where names are given, only on these nodes."""
    apart = {"labelSelector": {"matchLabels": {PLAN_LABEL: job.name}}, "topologyKey": HOSTNAME}
    found: Manifest = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}}
    if pods.hosts:
        named = {"key": HOSTNAME, "operator": "In", "values": list(pods.hosts)}
        terms = {"nodeSelectorTerms": [{"matchExpressions": [named]}]}
        found["nodeAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": terms}
    return found


def _container(job: Job, pods: Pods, first: str) -> Manifest:
    plain = {
        "WORLD_SIZE": str(job.world_size),
        "MASTER_ADDR": first,
        "MASTER_PORT": str(job.port),
        "PLANNER_GPUS": str(pods.gpus),
        **pods.environment,
    }
    node = {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    return {
        "name": "ranks",
        "image": job.image,
        "command": ["python3", f"{FILES}/pod.py"],
        # Kubernetes would take $(NAME) for a variable of its own.
        "args": ["sh", "-c", re.sub(r"\$\(", "$$(", job.command)],
        "env": [node, *({"name": name, "value": value} for name, value in plain.items())],
        "resources": {"limits": {job.resource: str(pods.gpus)}},
        "volumeMounts": [
            {"name": "plan", "mountPath": FILES, "readOnly": True},
            {"name": "shared-memory", "mountPath": "/dev/shm"},
        ],
    }
