"""Makes the fixtures of this folder: nodes as an API server of a small cluster gives them.

Run as ``python -m tests.formats.importers.kubernetes.make``.
"""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parent


def node(name, labels=None, gpus=8, free=None, **spec):
    """A node with what matters of it."""
    resources = {"cpu": "192", "memory": "2113473264Ki", "pods": "110"}
    capacity = resources | ({} if gpus is None else {"nvidia.com/gpu": str(gpus)})
    left = gpus if free is None else free
    allocatable = resources | ({} if left is None else {"nvidia.com/gpu": str(left)})
    conditions = [
        {"type": kind, "status": "False", "reason": f"KubeletHasNo{kind}"}
        for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")
    ]
    conditions.append({"type": "Ready", "status": "True", "reason": "KubeletReady"})
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name} | (labels or {})},
        "spec": spec,
        "status": {"capacity": capacity, "allocatable": allocatable, "conditions": conditions},
    }


def listed(*items):
    """A list, as kubectl prints several objects."""
    return {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": list(items)}


def topograph_labels(number):
    """Labels of the eight nodes of the fixture: two leaves of four under each of two spines."""
    return {
        "fabric.topograph.run/tier-0": f"leaf{number // 2}",
        "fabric.topograph.run/tier-1": f"spine{number // 4}",
        "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
        "nvidia.com/gpu.count": "8",
    }


def mixed():
    """Eight GPU nodes with labels, of which some are ill, and a node of the control plane."""
    taint = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
    nodes = [node(f"gpu-{number}", topograph_labels(number)) for number in range(8)]
    nodes[2]["spec"]["unschedulable"] = True
    nodes[3]["status"]["allocatable"]["nvidia.com/gpu"] = "7"
    nodes[5]["status"]["conditions"][-1] |= {"status": "Unknown", "reason": "NodeStatusUnknown"}
    return listed(*nodes, node("control-1", gpus=None, taints=[taint]))


def hypernode(name, tier, kind, *selectors):
    """A HyperNode of Volcano."""
    members = [{"type": kind, "selector": selector} for selector in selectors]
    return {
        "apiVersion": "topology.volcano.sh/v1alpha1",
        "kind": "HyperNode",
        "metadata": {"name": name},
        "spec": {"tier": tier, "members": members},
    }


def volcano():
    """Four nodes in two HyperNodes of tier 1, in one of tier 2; every kind of selector."""
    nodes = [node(f"node-{number}", {"rack": f"r{number // 2}"}) for number in range(6)]
    return listed(
        *nodes,
        hypernode("s0", 1, "Node", *({"exactMatch": {"name": f"node-{number}"}} for number in range(2))),
        hypernode("s1", 1, "Node", {"regexMatch": {"pattern": "^node-[2-3]$"}}),
        hypernode("s2", 1, "Node", {"labelMatch": {"matchLabels": {"rack": "r2"}}}),
        hypernode("s3", 2, "HyperNode", *({"exactMatch": {"name": name}} for name in ("s0", "s1"))),
        hypernode("s4", 2, "HyperNode", {"exactMatch": {"name": "s2"}}),
    )


if __name__ == "__main__":
    for make in (mixed, volcano):
        (FOLDER / f"{make.__name__}.json").write_text(json.dumps(make(), indent=1) + "\n")
