"""One node: its GPUs and its health."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from planner.formats.reading.kubernetes.labels import nvlink_domain
from planner.formats.reading.kubernetes.objects import labels_of
from planner.formats.reading.structured import mapping, sequence, word
from planner.formats.site.instances import gpus_of_type
from planner.formats.site.site import Host, Node

if TYPE_CHECKING:
    from collections.abc import Iterator

RESOURCES = ("nvidia.com/gpu", "amd.com/gpu", "google.com/tpu", "habana.ai/gaudi", "gpu.intel.com/i915")
COUNTS = ("nvidia.com/gpu.count",)
MODELS = (
    "nvidia.com/gpu.product",
    "amd.com/gpu.product-name",
    "cloud.google.com/gke-accelerator",
    "cloud.google.com/gke-tpu-accelerator",
)
KINDS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")
# What conditions and taints of repair systems are called; others, such as those that keep ordinary
# work off GPU nodes, say nothing of health.
_ILL = re.compile(
    r"unhealthy|not-?ready|unreachable|out-of-service|maintenance|remediat|repair|cordon|drain|degraded|"
    r"fault|error|fail|problem|issue|deadlock|readonly|xid|unavailable|pressure|shutdown|uninitialized",
    re.IGNORECASE,
)
MOST_TEXT = 200


def read_node(name: str, item: dict[str, Any]) -> Host:
    """The host that a node is, with nothing said of its place."""
    labels, status = labels_of(item), mapping(item.get("status"))
    model, of_type = _of_labels(labels)
    gpus, in_service = _gpus(labels, status)
    host = Host(name, Node(of_type if gpus is None else gpus, model), scale_up=nvlink_domain(labels))
    host.down = "; ".join(_reasons(item, status))[:MOST_TEXT] or None
    if gpus and in_service is not None and in_service < gpus:
        _take_out(host, gpus, in_service)
    return host


def _of_labels(labels: dict[str, str]) -> tuple[str | None, int | None]:
    """GPU model, and GPUs of the type of machine."""
    of_type = next((gpus_of_type(labels[label]) for label in KINDS if label in labels), (None, None))
    stated = next((labels[label] for label in MODELS if label in labels), None)
    return stated or of_type[0], of_type[1]


def _gpus(labels: dict[str, str], status: dict[str, Any]) -> tuple[int | None, int | None]:
    """GPUs of a node, and how many of them can be given out; None where it does not say.

    A label tells the GPUs themselves where a device plugin shares each of them out several times.
    """
    capacity, allocatable = mapping(status.get("capacity")), mapping(status.get("allocatable"))
    label = next((number for key in COUNTS if (number := _number(labels.get(key))) is not None), None)
    resource = next((key for key in RESOURCES if key in capacity or key in allocatable), None)
    if resource is None:
        # A node that lists what it has, but no GPU, has none, unless its driver is what is missing.
        return (label, 0) if label else (0 if capacity or allocatable else None, None)
    whole = _number(capacity.get(resource))
    free = _number(allocatable.get(resource))
    listed = max(whole or 0, free or 0)
    if label and listed > label and label > 0:
        return label, None if free is None else -(-free * label // listed)
    return max(listed, label or 0), free


def _number(value: object) -> int | None:
    """A whole number, as resources are written; None for anything else."""
    text = word(value)
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,6}", text) else None


def _take_out(host: Host, gpus: int, in_service: int) -> None:
    """Which GPUs are ill is not said: the last ones stand for them; without any the node is down."""
    reason = f"{in_service} of {gpus} GPUs can be given out"
    if in_service == 0:
        host.down = f"{host.down}; {reason}" if host.down else reason
    else:
        host.node.gpus_down = dict.fromkeys(range(in_service, gpus), reason)


def _reasons(item: dict[str, Any], status: dict[str, Any]) -> Iterator[str]:
    """Why a node is out of service."""
    spec = mapping(item.get("spec"))
    for condition in map(mapping, sequence(status.get("conditions"))):
        kind, state = word(condition.get("type")) or "", condition.get("status")
        reason = word(condition.get("reason")) or ""
        if kind == "Ready" and state != "True":
            yield f"not ready: {reason}" if reason else "not ready"
        elif kind != "Ready" and state == "True" and (_ILL.search(kind) or _ILL.search(reason)):
            yield f"{kind}: {reason}" if reason else kind
    if spec.get("unschedulable") is True:
        yield "cordoned"
    for taint in map(mapping, sequence(spec.get("taints"))):
        key, effect = word(taint.get("key")) or "", taint.get("effect")
        if effect in ("NoSchedule", "NoExecute") and _ILL.search(key):
            yield f"taint {key}"
