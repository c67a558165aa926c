"""Clusters from the text of a topology file."""

from __future__ import annotations

from planner.source import parse_document
from planner.topology.load import to_cluster

RAILS = """\
format_version: 1
name: rails
tiers:
  - {name: node, nics: {count: 4, bandwidth: 200 Gb/s}}
  - {name: unit, uplink: 400 GB/s}
  - {name: cluster}
domains: [{unit: "u[1-2]", node: "n[01-04]", gpus: 4}]
fabric: {kind: rail_optimized, unit: unit, rails: 4, spines: 2}
"""
TREE = """\
format_version: 1
name: a lab
tiers:
  - {name: node, nics: {count: 2, bandwidth: 100 Gb/s}}
  - {name: rack, uplink: 50 GB/s}
  - {name: pod, uplink: 100 GB/s}
  - {name: cluster}
domains: [{pod: "p[1-2]", rack: "r[1-2]", node: "n[1-2]", gpus: 2}]
"""
NVL = """\
format_version: 1
name: nvl
tiers:
  - {name: node, nics: {count: 4, bandwidth: 400 Gb/s}}
  - {name: rack, scale_up: 900 GB/s}
  - {name: pod, uplink: 3.2 TB/s}
  - {name: cluster}
domains: [{pod: "p[1-2]", rack: "r[1-4]", node: "t[1-2]", gpus: 4}]
"""
TORUS = """\
format_version: 1
name: torus
tiers:
  - {name: node, nics: {count: 4, bandwidth: 400 Gb/s}}
  - {name: pod, uplink: 1 TB/s}
  - {name: cluster}
domains: [{pod: "p[1-2]", node: "n[1-8]", gpus: 4}]
fabric: {kind: torus, dims: [4, 2, 2], bandwidth: 50 GB/s}
"""
LINKS = """\
format_version: 1
name: links
tiers:
  - {name: node, nics: {count: 2, bandwidth: 200 Gb/s}}
  - {name: leaf, uplink: 100 GB/s}
  - {name: cluster}
domains: [{leaf: "l[1-2]", node: "n[1-2]", gpus: 2}]
down: [l2/n2/nic1]
fabric:
  kind: links
  switches: ["sw[1-2]", top]
  links:
    - {ends: ["l1/*", sw1], bandwidth: 200 Gb/s, nic: 1}
    - {ends: ["l1/*", sw1], bandwidth: 200 Gb/s, nic: 0}
    - {ends: [sw2, "l2/*"], bandwidth: 200 Gb/s, nic: 1}
    - {ends: ["sw[1-2]", top], bandwidth: 400 Gb/s, count: 2}
"""


def cluster(text, *changes):
    """The cluster of a topology file, after replacing some of its text."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return to_cluster(parse_document(text, "test.yaml"))
