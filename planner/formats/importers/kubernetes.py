"""Kubernetes: nodes as JSON or YAML, with Kueue's Topology and Volcano's HyperNodes among them.

The kinds may come in one file or in several, such as ``nodes.json`` and ``hypernodes.json``.
Tiers are those of HyperNodes where there are any, else the levels of a Topology, else the labels of
the family that most nodes bear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.errors import InputError, Problem
from planner.formats.reading.kubernetes.hypernodes import add_hypernodes
from planner.formats.reading.kubernetes.labels import HOSTNAMES, NVLINK, Levels, known_levels, levels
from planner.formats.reading.kubernetes.nodes import read_node
from planner.formats.reading.kubernetes.objects import KINDS, is_topology, labels_of, name_of, objects
from planner.formats.reading.structured import (
    Places,
    documents,
    mapping,
    recognised_documents,
    sequence,
    word,
)
from planner.formats.site.site import Site

if TYPE_CHECKING:
    from planner.formats.site.site import Source

MOST_LOOKED_AT = 200


def recognises(source: Source) -> bool:
    """Whether an object of a kind that says something of nodes is among the first."""
    for number, (kind, item) in enumerate(objects(recognised_documents(source))):
        if kind in KINDS and "metadata" in item:
            return True
        if number > MOST_LOOKED_AT:
            break
    return False


def read(source: Source, *more: Source) -> Site:
    """Nodes with their GPUs, health, NVLink domains and places.

    Raises
    ------
    InputError
        I080 where there is no node.
    """
    sources = (source, *more)
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for each in sources:
        for kind, item in objects(documents(each)):
            if kind in found:
                found[kind].append(item)
    if not found["Node"]:
        raise InputError.of(
            "I080",
            f"no Node in {', '.join(each.name for each in sources)}",
            expected="what kubectl get nodes -o json prints",
            suggestion="naming a file with the nodes as well, where this one says how they are grouped",
            position=source.position(1),
        )
    site, places = Site(), Places(*sources)
    labels = _add_nodes(site, places, found["Node"])
    if found["HyperNode"]:
        add_hypernodes(site, places, found["HyperNode"], labels)
    else:
        _add_levels(site, _levels(site, places, found["Topology"], labels), labels)
    return site


def _add_nodes(site: Site, places: Places, items: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Add the hosts; the labels of each."""
    labels = {}
    for item in items:
        name = name_of(item)
        if name is None:
            site.findings.append(Problem("I081", "a node without a name is left out"))
        elif name in site.hosts:
            site.findings.append(Problem("I082", f"node {name} is listed twice; the first holds"))
        else:
            host = site.hosts[name] = read_node(name, item)
            host.position = places.of(name)
            labels[name] = labels_of(item)
            if host.node.gpus_down:
                reason = next(iter(host.node.gpus_down.values()))
                _note_ill(site, host.name, reason, places)
    return labels


def _note_ill(site: Site, name: str, reason: str, places: Places) -> None:
    site.findings.append(
        Problem(
            "I087",
            f"{name}: {reason}; which are ill is not said, the last ones are taken",
            places.of(name),
            "as many GPUs to give out as the node has",
            "its device plugin's log, for the numbers of the GPUs that are ill",
        )
    )


def _levels(
    site: Site, places: Places, topologies: list[dict[str, Any]], labels: dict[str, dict[str, str]]
) -> Levels:
    """The levels of the Topology that most nodes have labels of, or else known labels."""
    of_name = {name_of(item) or "": _labels_of_levels(item) for item in topologies if is_topology(item)}
    if not of_name:
        return known_levels(list(labels.values()))
    held = {
        name: sum(all(label in own for label in chosen) for own in labels.values())
        for name, chosen in of_name.items()
    }
    best = max(sorted(of_name), key=lambda name: (held[name], len(of_name[name])))
    if len(of_name) > 1:
        others = ", ".join(sorted(set(of_name) - {best}))
        site.assumptions.append(f"tiers of Topology {best}, which fits most nodes, and not of {others}")
    if not held[best]:
        site.findings.append(
            Problem(
                "I088",
                f"no node has all labels of the levels of Topology {best}",
                places.of(best),
                f"nodes with labels {', '.join(of_name[best])}",
            )
        )
    return levels(of_name[best])


def _labels_of_levels(topology: dict[str, Any]) -> list[str]:
    """Labels of the levels of a Topology that are tiers, the innermost first."""
    spec = mapping(topology.get("spec"))
    found = [word(mapping(level).get("nodeLabel")) for level in sequence(spec.get("levels"))]
    return [label for label in reversed(found) if label and label not in HOSTNAMES and label not in NVLINK]


def _add_levels(site: Site, chosen: Levels, labels: dict[str, dict[str, str]]) -> None:
    site.tiers = list(chosen.names)
    for name, own in labels.items():
        site.hosts[name].groups = chosen.groups(own)
