"""Objects as ``kubectl get ... -o json`` and ``-o yaml`` print them, lists taken apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.formats.reading.structured import mapping, sequence, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KINDS = ("Node", "Topology", "HyperNode")
DEEPEST_LIST = 4


def objects(documents: Iterable[Any], depth: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and content of every object; those of a typed list bear its kind."""
    for document in documents:
        kind = word(mapping(document).get("kind")) or ""
        items = mapping(document).get("items")
        if isinstance(items, list) and depth < DEEPEST_LIST:
            of_list = kind.removesuffix("List")
            typed = [
                {"kind": of_list, **item} if of_list and isinstance(item, dict) else item for item in items
            ]
            yield from objects(typed, depth + 1)
        elif isinstance(document, list) and depth < DEEPEST_LIST:
            yield from objects(document, depth + 1)
        elif isinstance(document, dict):
            yield kind, document


def name_of(item: dict[str, Any]) -> str | None:
    """Name of an object."""
    return word(mapping(item.get("metadata")).get("name"))


def labels_of(item: dict[str, Any]) -> dict[str, str]:
    """Labels of an object that have a value."""
    labels = mapping(mapping(item.get("metadata")).get("labels"))
    return {key: value for key, raw in labels.items() if (value := word(raw))}


def is_topology(item: dict[str, Any]) -> bool:
    """Whether an object of kind Topology is one of Kueue's."""
    return bool(sequence(mapping(item.get("spec")).get("levels")))
