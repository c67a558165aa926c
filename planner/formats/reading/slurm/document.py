"""Topologies from topology.yaml and ``scontrol show topoconf``."""

from __future__ import annotations

from typing import Any

from planner.errors import Problem
from planner.formats.reading.slurm.layout import GroupLine, Layout, SwitchLine, TorusLine
from planner.formats.reading.slurm.lines import Value
from planner.formats.reading.structured import Places, mapping, recognised_documents, sequence, word
from planner.formats.site.site import Source

KINDS = ("tree", "block", "ring", "torus3d", "flat")
LARGEST_DIM = 100_000


def topologies(source: Source) -> list[dict[str, Any]]:
    """The topologies of a document, as they are written; none where it is another's."""
    # scontrol says YAML 1.1, in which a key y would be true; Slurm itself reads it as text.
    plain = Source(source.name, source.text.replace("%YAML 1.1", "#YAML 1.1", 1))
    listed = [each for document in recognised_documents(plain) for each in sequence(document)]
    found = [_small(each) for each in listed if isinstance(each, dict)]
    return [each for each in found if "topology" in each and any(kind in each for kind in KINDS)]


def chosen_layout(source: Source, findings: list[Problem]) -> Layout:
    """The topology that Slurm takes unless a partition says otherwise; the rest are reported."""
    places = Places(source)
    found = topologies(source)
    defaults = [each for each in found if each.get("cluster_default") is True]
    chosen = (defaults or found)[0]
    for each in found:
        if each is not chosen:
            name = word(each["topology"]) or "without a name"
            why = "is a default too, and left out" if each in defaults else "is not the default, and left out"
            findings.append(Problem("I026", f"topology {name} {why}", places.of(name)))
    kinds = [kind for kind in KINDS if _is_kind(chosen, kind)]
    if len(kinds) > 1:
        message = f"a topology that is {' and '.join(kinds)}; it is taken for the first of these"
        findings.append(Problem("I026", message, places.of(word(chosen["topology"])), "one kind"))
    return _read(kinds[0], chosen[kinds[0]], places, findings) if kinds else Layout(flat=True)


def _is_kind(topology: dict[str, Any], kind: str) -> bool:
    """Whether a topology is of a kind; kinds that are not used are printed empty."""
    return bool(topology.get(kind))


def _read(kind: str, body: object, places: Places, findings: list[Problem]) -> Layout:
    inner = _small(body)
    if kind == "tree":
        switches = _items(inner, "switches", "switch", findings)
        return Layout(switches=[_switch(each, places) for each in switches])
    if kind == "block":
        blocks = _items(inner, "blocks", "block", findings)
        sizes = [size for size in sequence(inner.get("block_sizes")) if type(size) is int]
        at = Value("", places.of("block_sizes"))
        return Layout(
            blocks=[_group(each, "block", places) for each in blocks], block_sizes=sizes, sizes_at=at
        )
    if kind == "ring":
        rings = _items(inner, "rings", "ring", findings)
        return Layout(rings=[_group(each, "ring", places) for each in rings])
    if kind == "torus3d":
        toruses = [_torus(each, places, findings) for each in _items(inner, "toruses", "name", findings)]
        return Layout(toruses=[torus for torus in toruses if torus])
    return Layout(flat=True)


def _items(body: dict[str, Any], key: str, name: str, findings: list[Problem]) -> list[dict[str, Any]]:
    """The mappings listed under `key` that have a name; the others are reported."""
    listed = [_small(each) for each in sequence(body.get(key))]
    named = [each for each in listed if word(each.get(name))]
    if len(named) < len(listed):
        message = f"{len(listed) - len(named)} of {key} without {name!r}, which are left out"
        findings.append(Problem("I081", message))
    return named


def _small(value: object) -> dict[str, Any]:
    """A mapping with its keys in small letters, as Slurm reads them in any."""
    return {str(key).lower(): inner for key, inner in mapping(value).items()}


def _value(value: object, places: Places) -> Value | None:
    text = word(value)
    return Value(text, places.of(text)) if text else None


def _named(each: dict[str, Any], key: str, places: Places) -> Value:
    name = word(each.get(key)) or ""
    return Value(name, places.of(name))


def _switch(each: dict[str, Any], places: Places) -> SwitchLine:
    children = _value(each.get("children"), places)
    return SwitchLine(_named(each, "switch", places), _value(each.get("nodes"), places), children)


def _group(each: dict[str, Any], key: str, places: Places) -> GroupLine:
    return GroupLine(_named(each, key, places), _value(each.get("nodes"), places))


def _torus(each: dict[str, Any], places: Places, findings: list[Problem]) -> TorusLine | None:
    name, dims = _named(each, "name", places), _small(each.get("dims"))
    x, y, z = (dims.get(axis) for axis in "xyz")
    if not all(type(size) is int and 0 < size <= LARGEST_DIM for size in (x, y, z)):
        findings.append(
            Problem(
                "I027", f"torus {name.text} has no dims, and is left out", name.position, "dims: {x, y, z}"
            )
        )
        return None
    return TorusLine(name, (int(x or 1), int(y or 1), int(z or 1)), _value(each.get("nodes"), places))
