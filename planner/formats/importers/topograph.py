"""topograph: its models of clusters, and the instances that it makes of one.

A model has ``switches`` (a mapping, in older files a list) and ``blocks`` of nodes at a switch (in
older files ``capacity_blocks``, which switches list). Its output lists, for each instance, the
switches above it, the closest first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.errors import InputError, Problem
from planner.formats.hostlist import expand
from planner.formats.reading.structured import (
    Places,
    documents,
    mapping,
    recognised_documents,
    sequence,
    word,
)
from planner.formats.site.site import Host, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.formats.site.site import Source

LAYERS = ("network_layers", "networkLayers", "networkNodes")
# Ends of the labels that name the NVLink domain, whatever stands before them.
DOMAINS = ("/domain", "/accelerator", "nvidia.com/gpu.clique")
NAMES = ("leaf", "spine", "core")


def recognises(source: Source) -> bool:
    """Whether it is a model or the instances of one."""
    return any(_is_model(each) or _is_graph(each) for each in map(mapping, recognised_documents(source)))


def _is_model(document: dict[str, Any]) -> bool:
    blocks = document.get("blocks", document.get("capacity_blocks"))
    return isinstance(document.get("switches"), (dict, list)) and isinstance(blocks, (dict, list))


def _is_graph(document: dict[str, Any]) -> bool:
    return any(
        "id" in each and any(layer in each for layer in LAYERS)
        for each in map(mapping, sequence(document.get("instances"))[:20])
    )


def read(source: Source) -> Site:
    """Nodes with the switches above them as tiers, and their NVLink domains.

    Raises
    ------
    InputError
        I080 where there is no node.
    """
    reader = _Reader(source)
    for document in map(mapping, documents(source)):
        if _is_model(document):
            reader.read_model(document)
        elif _is_graph(document):
            reader.read_graph(document)
    if not reader.above:
        raise InputError.of(
            "I080",
            f"no nodes in {source.name}",
            expected="a model with switches and blocks, or instances with network_layers",
            position=source.position(1),
        )
    return reader.finish()


class _Reader:
    """Collects nodes, and the switches above each, the closest first."""

    def __init__(self, source: Source) -> None:
        self.site = Site()
        self.places = Places(source)
        self.above: dict[str, list[str]] = {}

    def read_graph(self, document: dict[str, Any]) -> None:
        """Instances that list their own switches."""
        for each in map(mapping, sequence(document.get("instances"))):
            name = word(each.get("id"))
            layers = next((each[layer] for layer in LAYERS if layer in each), None)
            switches = [switch for switch in map(word, sequence(layers)) if switch]
            if name is None:
                self._note("I081", None, "an instance without id is left out")
            elif self._add(name, switches):
                self.site.hosts[name].scale_up = _domain(each.get("labels"))

    def read_model(self, document: dict[str, Any]) -> None:
        """Blocks of nodes, each at a switch."""
        switches = dict(_named(document["switches"]))
        parents = self._parents(switches)
        holder = {
            block: switch
            for switch, content in switches.items()
            for block in map(word, sequence(content.get("capacity_blocks")))
            if block
        }
        for name, block in _named(document.get("blocks", document.get("capacity_blocks"))):
            switch = word(block.get("switch")) or holder.get(name)
            above = self._climb(switch, parents) if switch else []
            domain = _domain(block.get("annotations")) or _domain(block.get("labels"))
            domain = domain or word(block.get("nvlink"))
            for node, hosts in self._nodes(block):
                if self._add(node, above, hosts):
                    self.site.hosts[node].scale_up = domain
                    self.site.hosts[node].node.gpu_model = word(block.get("type"))
        for name, content in switches.items():
            for node, hosts in self._nodes(content):
                self._add(node, self._climb(name, parents), hosts)

    def _parents(self, switches: dict[str, dict[str, Any]]) -> dict[str, str]:
        parents: dict[str, str] = {}
        for name, content in switches.items():
            for child in map(word, sequence(content.get("switches"))):
                if child and parents.setdefault(child, name) != name:
                    self._note("I084", child, f"switch {child} is under {parents[child]} and {name}")
        return parents

    def _climb(self, switch: str, parents: dict[str, str]) -> list[str]:
        """A switch and those above it."""
        path = [switch]
        while (parent := parents.get(path[-1])) is not None:
            if parent in path:
                self._note("I089", parent, f"switch {parent} is above itself")
                break
            path.append(parent)
        return path

    def _nodes(self, block: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Nodes, and the list of hosts that each is written in."""
        for hosts in filter(None, map(word, sequence(block.get("nodes")))):
            try:
                yield from ((node, hosts) for node in expand(hosts))
            except InputError as error:
                self.site.findings.append(error.problems[0].at(self.places.of(hosts)))

    def _add(self, name: str, above: list[str], written: str | None = None) -> bool:
        """Add a host; False where it is known."""
        if name in self.above:
            if self.above[name] != above:
                self._note("I084", name, f"{name} is listed twice, under other switches; the first holds")
            return False
        self.site.hosts[name] = Host(name, position=self.places.of(written or name))
        self.above[name] = above
        return True

    def _note(self, code: str, name: str | None, message: str) -> None:
        self.site.findings.append(Problem(code, message, self.places.of(name)))

    def finish(self) -> Site:
        """The site, with tiers by distance from the nodes."""
        deepest = max(map(len, self.above.values()))
        names = [NAMES[n] if n < len(NAMES) else f"tier-{n}" for n in range(deepest)]
        self.site.tiers = names
        for name, switches in self.above.items():
            self.site.hosts[name].groups = dict(zip(names, switches, strict=False))
        return self.site


def _named(found: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Things by name: of a mapping its keys, of a list the names in it, or else numbers."""
    if isinstance(found, dict):
        yield from ((str(name), mapping(content)) for name, content in found.items())
    for number, content in enumerate(sequence(found)):
        yield word(mapping(content).get("name")) or f"#{number}", mapping(content)


def _domain(labels: object) -> str | None:
    """The NVLink domain among the labels of a node or a block."""
    values = {key: word(value) for key, value in mapping(labels).items()}
    found = (value for end in DOMAINS for key, value in values.items() if key.endswith(end))
    return next((value for value in found if value), None)
