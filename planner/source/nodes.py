"""YAML text as a tree of nodes that know where they stand; `planner.source.compose` builds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from planner.errors import Position

if TYPE_CHECKING:
    from planner.source.scalars import Scalar


@dataclass(frozen=True, eq=False)
class Text:
    """One file's text, and the name it is shown by."""

    file: str
    lines: list[str]

    def position(self, line: int, column: int, length: int = 1) -> Position:
        """Position of `line` and `column`, both counted from 0."""
        text = self.lines[line] if line < len(self.lines) else ""
        return Position(self.file, line + 1, column + 1, max(1, min(length, len(text) - column)), text)


@dataclass(eq=False)
class Node:
    """A value of the document, and where it stands; `size` and `height` count aliases expanded."""

    text: Text
    line: int
    column: int
    length: int = 1
    size: int = 1
    height: int = 1
    anchor: str | None = None

    def position(self) -> Position:
        """Where the value starts."""
        return self.text.position(self.line, self.column, self.length)


@dataclass(eq=False)
class ScalarNode(Node):
    """Text, a number, true, false or null."""

    value: Scalar = None
    content: str = ""


@dataclass(eq=False)
class SequenceNode(Node):
    """A list."""

    items: list[Node] = field(default_factory=list)


@dataclass(eq=False)
class MappingNode(Node):
    """A mapping; `keys` holds the node of each key, for its position."""

    items: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, ScalarNode] = field(default_factory=dict)
    waiting: ScalarNode | None = None


def to_data(node: Node) -> Any:
    """`node` as plain dicts, lists and scalars."""
    if isinstance(node, MappingNode):
        return {key: to_data(value) for key, value in node.items.items()}
    if isinstance(node, SequenceNode):
        return [to_data(item) for item in node.items]
    assert isinstance(node, ScalarNode)
    return node.value
