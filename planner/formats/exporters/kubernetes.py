"""Kubernetes: a JobSet whose pods, one a node, start the ranks that the plan has on their node.

Three routes. ``configmap`` is exact for every placement: a pod may land on any node of the plan,
reads the node's name by the downward API, and looks its ranks up in a ConfigMap. ``jobset`` pins a
replicated job to every node. ``kueue`` lets Kueue choose the nodes, and keeps the placement's pieces.
An Indexed Job alone cannot put an index on a node.
"""

from __future__ import annotations

import json
import re
from shlex import quote
from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.formats.exporters import Export
from planner.formats.writing.data import to_yaml
from planner.formats.writing.kubernetes.kueue import QUEUE_LABEL, level_labels, slices_of, topology
from planner.formats.writing.kubernetes.manifests import (
    HOSTNAME,
    LARGEST_DATA,
    PLAN_LABEL,
    Job,
    Pods,
    config_map,
    data_bytes,
    job_set,
)
from planner.formats.writing.kubernetes.node_table import nodes_of, ranges, table
from planner.formats.writing.options import COMMAND, PORT, Option, refuse_idle
from planner.formats.writing.rank_table import to_csv

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.formats.writing.kubernetes.node_table import Node
    from planner.placement.placement import Placement

OPTIONS = (
    COMMAND,
    PORT,
    Option(
        "route",
        "configmap",
        "how ranks come to their nodes: any pod on any node of the plan, which looks them up; a pinned"
        " job for every node; or pods that Kueue places",
        choices=("configmap", "jobset", "kueue"),
    ),
    Option("image", "pytorch/pytorch", "container image; it needs Python"),
    Option("name", "", "name of the JobSet; that of the workload where none is given"),
    Option("resource", "nvidia.com/gpu", "what Kubernetes calls a GPU"),
    Option("network", "pod", "network of the pods, or of their nodes", choices=("pod", "host")),
    Option(
        "nodes",
        "names",
        "whether pods find the plan's nodes by their names, or by a label that label-nodes.sh puts on them",
        choices=("names", "label"),
    ),
    Option("queue", "default", "Kueue's local queue, for route=kueue"),
    Option("labels", "", "nodes' labels of the tiers, as tier=label,..., for route=kueue"),
)
ROUTE_OF_OPTION = {"nodes": "configmap", "queue": "kueue", "labels": "kueue"}
"""Options of one route alone."""

MOST_NAMED = 1000
"""Nodes that pods may list by name: each pod carries the whole list."""

MOST_PINNED = 550
"""Jobs of a JobSet that still fit in one object."""

LONGEST_NAME = 40
Route = tuple[list[Pods], dict[str, bytes], list[str]]
"""Pods, files beside their manifests, and notes."""

_NAME = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")


def export(placement: Placement, options: dict[str, str]) -> Export:
    """Manifests of the chosen route, and of the proof."""
    idle = {name: route for name, route in ROUTE_OF_OPTION.items() if route != options["route"]}
    refuse_idle(OPTIONS, options, {name: f"route={route}" for name, route in idle.items()})
    nodes, job = nodes_of(placement), _job(placement, options)
    shapes, files, notes = _route(placement, nodes, job, options)
    plan = config_map(f"{job.name}-plan", table(nodes) if options["route"] == "configmap" else "")
    if data_bytes(plan) > LARGEST_DATA:
        raise _too_large(f"the table of {len(nodes):,} nodes takes {data_bytes(plan):,} bytes packed")
    manifest = job_set(job, shapes, [plan["metadata"]["name"]])
    size = len(json.dumps(manifest))
    if size > LARGEST_DATA:
        raise _too_large(f"the JobSet takes {size:,} bytes")
    files |= {"configmap.yaml": to_yaml(plan), "jobset.yaml": to_yaml(manifest)}
    proof = _proof(placement, job, shapes, files, len(nodes)) if options["route"] != "kueue" else ""
    label = "./label-nodes.sh && " if "label-nodes.sh" in files else ""
    return Export(
        files,
        f"{label}kubectl apply --server-side -f configmap.yaml -f jobset.yaml",
        (*notes, *_notes(nodes, options)),
        frozenset({"label-nodes.sh"} & set(files)),
        proof and label + proof,
    )


def _route(placement: Placement, nodes: Sequence[Node], job: Job, options: dict[str, str]) -> Route:
    if options["route"] == "configmap":
        return _by_table(nodes, job, by_label=options["nodes"] == "label")
    if options["route"] == "jobset":
        return _by_pins(nodes)
    return _by_kueue(placement, nodes, job, options["labels"])


def _by_table(nodes: Sequence[Node], job: Job, *, by_label: bool) -> Route:
    """Pods that look their ranks up; that of rank 0 has a known name, so that the others find it."""
    groups: dict[str, list[Node]] = {"first": list(nodes[:1])}
    for node in nodes[1:]:
        groups.setdefault(f"gpus-{node.gpus}", []).append(node)
    if len(nodes) > MOST_NAMED and not by_label:
        raise UsageError.of(
            "E023",
            f"every pod would carry the names of {len(nodes):,} nodes",
            expected=f"at most {MOST_NAMED:,} nodes by name",
            suggestion="--option nodes=label",
        )
    shapes = [
        Pods(
            name,
            len(own),
            own[0].gpus,
            {PLAN_LABEL: f"{job.name}.{name}"} if by_label else {},
            [] if by_label else [node.name for node in own],
        )
        for name, own in groups.items()
    ]
    notes = ["A pod may land on any node of the plan: it looks the node's name up in the ConfigMap."]
    if not by_label:
        return shapes, {}, notes
    notes.append(
        f"`label-nodes.sh` labels the plan's nodes with `{PLAN_LABEL}`, for which it may need rights."
    )
    return shapes, _label_script(job.name, groups), notes


def _label_script(name: str, groups: dict[str, list[Node]]) -> dict[str, bytes]:
    """What labels the nodes of each shape, and their names."""
    files = {
        f"nodes-{key}": "".join(f"{node.name}\n" for node in own).encode() for key, own in groups.items()
    }
    lines = [
        "#!/usr/bin/env bash",
        "# Labels the nodes of the plan, so that its pods find them.",
        "set -euo pipefail",
        'cd "$(dirname "${BASH_SOURCE[0]}")"',
        "# Nodes of an earlier plan of this name would draw pods that have no ranks there.",
        f"kubectl get nodes -l '{PLAN_LABEL} in ({','.join(f'{name}.{key}' for key in groups)})' -o name |",
        f"    xargs -r -n 100 sh -c 'exec kubectl label \"$@\" {PLAN_LABEL}-' sh",
        *(
            f"xargs -n 100 sh -c 'exec kubectl label node --overwrite \"$@\" {PLAN_LABEL}={name}.{key}' sh"
            f" <nodes-{key}"
            for key in groups
        ),
    ]
    return {**files, "label-nodes.sh": ("\n".join(lines) + "\n").encode()}


def _by_pins(nodes: Sequence[Node]) -> Route:
    """A replicated job for every node."""
    if len(nodes) > MOST_PINNED:
        raise _too_large(f"a JobSet of {len(nodes):,} pinned jobs takes about {len(nodes) * 1700:,} bytes")
    shapes = [
        Pods(
            f"node-{index}",
            1,
            node.gpus,
            {HOSTNAME: node.name},
            environment={"PLANNER_RANKS": ranges(node.ranks), "PLANNER_DEVICES": ranges(node.devices)},
        )
        for index, node in enumerate(nodes)
    ]
    return shapes, {}, ["Every replicated job is pinned to one node, and its pod has the node's ranks."]


def _by_kueue(placement: Placement, nodes: Sequence[Node], job: Job, told: str) -> Route:
    """Pods that Kueue places, slice by slice."""
    slices, labels = slices_of(placement, nodes), level_labels(placement.cluster, told)
    ranks = {"PLANNER_RANKS_EACH": str(nodes[0].gpus), "PLANNER_DEVICES": ranges(nodes[0].devices)}
    pods = Pods(
        "ranks",
        len(nodes),
        nodes[0].gpus,
        environment=ranks,
        annotations=slices.annotations(labels),
        apart=False,
    )
    kept = [f"all pods in one {slices.whole}"] if slices.whole else []
    if slices.tier:
        kept.append(f"every {slices.size} consecutive pods in one {slices.tier}")
    notes = [
        f"Kueue chooses the nodes; it keeps {' and '.join(kept)}. The nodes are not those of `ranks.csv`.",
        (
            "`topology.yaml` is the Topology that the annotations speak of, for a site that has none: name"
            " it in the ResourceFlavor. Where the nodes' labels are others, say so with `--option labels`."
        ),
    ]
    return [pods], {"topology.yaml": to_yaml(topology(job.name, labels))}, notes


def _job(placement: Placement, options: dict[str, str]) -> Job:
    name = options["name"] or _as_name(placement.workload.name)
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise UsageError.of(
            "E022",
            f"--option name: {name!r} cannot be the name of a JobSet",
            expected=f"a small letter, then small letters, digits and dashes, at most {LONGEST_NAME} in all",
        )
    return Job(
        name,
        options["image"],
        options["command"],
        options["resource"],
        len(placement.gpu_of_rank),
        int(options["port"]),
        options["network"] == "host",
        {QUEUE_LABEL: options["queue"]} if options["route"] == "kueue" else {},
    )


def _as_name(text: str) -> str:
    """`text` with what a name cannot have turned into dashes."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return (plain if plain[:1].isalpha() else f"job-{plain}")[:LONGEST_NAME].strip("-")


def _proof(placement: Placement, job: Job, shapes: Sequence[Pods], files: dict[str, bytes], pods: int) -> str:
    """The command that runs the proof in the same pods; adds its manifest to `files`."""
    if len(to_csv(placement)) > LARGEST_DATA:
        return ""
    name = f"{job.name}-verify"
    verify = Job(
        name,
        job.image,
        # A pod that fails would end the others and take their logs along.
        "exec python3 /etc/planner/planner_verify.py /etc/planner/ranks.csv --exit-zero",
        job.resource,
        job.world_size,
        job.port,
        job.host_network,
    )
    files["verify.yaml"] = to_yaml(job_set(verify, shapes, [f"{job.name}-plan", name]))
    return " &&\n".join(
        [
            # What a run before has left would be taken for this one's.
            f"kubectl delete --ignore-not-found jobset/{name} configmap/{name}",
            f"kubectl create configmap {name} --from-file=planner_verify.py --from-file=ranks.csv",
            "kubectl apply --server-side -f configmap.yaml -f verify.yaml",
            (
                f"kubectl wait --for=condition=Completed --timeout=15m {quote(f'jobset/{name}')};"
                f" kubectl logs -l jobset.sigs.k8s.io/jobset-name={name} --tail=-1 --max-log-requests={pods}"
                " | python3 planner_verify.py check ranks.csv"
            ),
        ]
    )


def _notes(nodes: Sequence[Node], options: dict[str, str]) -> Iterator[str]:
    yield (
        f"`{options['image']}` must have the program that `{options['command']}` runs, and Python; another"
        " image and command come with `--option image=...` and `--option command=...`."
    )
    yield (
        "A pod asks for all GPUs of its node that are in service, so that it is sure to get those of its"
        " ranks. The planner's host names must be the nodes' names."
    )
    idle = sum(node.gpus - len(node.ranks) for node in nodes)
    if idle:
        yield f"{idle:,} of these GPUs hold no rank and stay idle."


def _too_large(what: str) -> UsageError:
    return UsageError.of(
        "E023",
        f"{what}, more than Kubernetes keeps in one object",
        expected=f"at most {LARGEST_DATA:,} bytes",
        suggestion="--option route=configmap, or --option route=kueue where the placement is regular",
    )
