"""From YAML text to a tree of nodes, within limits.

The tree is built from the parser's events without recursion. Aliases are counted as what they
expand to before anything is expanded, so that a small file cannot grow into a large one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from planner.errors import InputError, Problem
from planner.source.nodes import MappingNode, Node, ScalarNode, SequenceNode, Text
from planner.source.scalars import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST = 32
MOST_NODES = 1_000_000
CORE = "tag:yaml.org,2002:"

# What the parser counts as the end of a line.
_LINE_END = re.compile(r"\r\n|[\r\n]")


def compose(content: str, file: str) -> Node:
    """The tree of the single document in `content`.

    Parameters
    ----------
    content
        YAML text.
    file
        How positions name the file.

    Raises
    ------
    InputError
        With a Y code and the position, for anything that is not a YAML 1.2 document within limits.
    """
    text = Text(file, _LINE_END.split(content))
    composer = _Composer(text)
    try:
        for event in _events(content):
            composer.take(event)
    except YAMLError as error:
        raise InputError(_syntax(text, error)) from error
    if composer.root is None:
        start = text.position(0, 0)
        raise InputError.of(
            "F005", f"{file} holds nothing but comments", expected="a YAML mapping", position=start
        )
    return composer.root


def _events(content: str) -> Iterator[Any]:
    yield from YAML(typ="safe", pure=True).parse(content)


class _Composer:
    """Puts events together; `open` holds the containers that are not closed yet."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.root: Node | None = None
        self.open: list[MappingNode | SequenceNode] = []
        self.anchors: dict[str, Node] = {}
        self.nodes = 0

    def take(self, event: Any) -> None:
        """Act on one event of the parser."""
        match event:
            case ScalarEvent():
                self.add(self.scalar(event))
            case MappingStartEvent():
                self.enter(event, MappingNode)
            case SequenceStartEvent():
                self.enter(event, SequenceNode)
            case MappingEndEvent() | SequenceEndEvent():
                node = self.open.pop()
                self.measure(node)
                self.add(node)
            case AliasEvent():
                self.add(self.alias(event))
            case DocumentStartEvent() if self.root is not None:
                raise self.error(event, "Y008", "a second document starts", expected="one document a file")

    def enter(self, event: Any, kind: type[MappingNode] | type[SequenceNode]) -> None:
        """Open a container."""
        name = "map" if kind is MappingNode else "seq"
        if event.tag not in (None, f"{CORE}{name}"):
            raise self.error(event, "Y009", f"tag {event.tag} means nothing here", expected="no tag")
        if len(self.open) >= DEEPEST:
            raise self.too_deep(event)
        mark = event.start_mark
        self.open.append(kind(self.text, mark.line, mark.column, anchor=event.anchor))

    def scalar(self, event: Any) -> ScalarNode:
        """The node of a scalar; quoted text is never a number."""
        start, end = event.start_mark, event.end_mark
        length = end.column - start.column if end.line == start.line else len(self.text.lines[start.line])
        node = ScalarNode(
            self.text, start.line, start.column, length, anchor=event.anchor, content=event.value
        )
        plain = event.style in (None, "") and event.tag is None
        if event.tag not in (None, "!", f"{CORE}str"):
            raise self.error(event, "Y009", f"tag {event.tag} means nothing here", expected="no tag")
        try:
            node.value = resolve(event.value) if plain else event.value
        except InputError as error:
            raise InputError(error.problems[0].at(node.position())) from None
        return node

    def alias(self, event: Any) -> Node:
        """The node that an alias stands for, counted as if it were written out."""
        node = self.anchors.get(event.anchor)
        if node is None:
            raise self.error(
                event,
                "Y013",
                f"alias *{event.anchor} has no anchor before it",
                expected=f"&{event.anchor} at an earlier value, outside of what it holds",
            )
        if len(self.open) + node.height > DEEPEST + 1:
            raise self.too_deep(event)
        self.nodes += node.size
        if self.nodes > MOST_NODES:
            raise self.error(
                event,
                "Y004",
                f"aliases expand to more than {MOST_NODES:,} values",
                expected="fewer or smaller aliases",
            )
        return node

    def add(self, node: Node) -> None:
        """Put a finished node where it belongs."""
        self.nodes += 1
        if node.anchor is not None:
            self.anchors[node.anchor] = node
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        if isinstance(parent, SequenceNode):
            parent.items.append(node)
        elif parent.waiting is None:
            parent.waiting = self.key(parent, node)
        else:
            name = parent.waiting.content
            parent.items[name], parent.keys[name], parent.waiting = node, parent.waiting, None

    def key(self, parent: MappingNode, node: Node) -> ScalarNode:
        """`node` as a key of `parent`."""
        if not isinstance(node, ScalarNode):
            raise InputError.of("Y010", "a key is not plain text", expected="text", position=node.position())
        if node.content in parent.keys:
            first = parent.keys[node.content].line + 1
            raise InputError.of(
                "Y002",
                f"key {node.content!r} is given twice",
                expected=f"one {node.content!r}; the other is in line {first}",
                position=node.position(),
            )
        return node

    def measure(self, node: MappingNode | SequenceNode) -> None:
        """Set the expanded size and height of a container whose children are complete."""
        children = node.items.values() if isinstance(node, MappingNode) else node.items
        node.size = 1 + sum(child.size for child in children)
        node.height = 1 + max((child.height for child in children), default=0)

    def too_deep(self, event: Any) -> InputError:
        return self.error(
            event, "Y003", f"nested more than {DEEPEST} levels deep", expected=f"at most {DEEPEST} levels"
        )

    def error(self, event: Any, code: str, message: str, expected: str) -> InputError:
        mark = event.start_mark
        return InputError.of(
            code, message, expected=expected, position=self.text.position(mark.line, mark.column)
        )


def _syntax(text: Text, error: YAMLError) -> Problem:
    """What the parser says, as a problem."""
    if isinstance(error, ReaderError):
        before = "\n".join(text.lines)[: error.position]
        where = text.position(before.count("\n"), len(before) - before.rfind("\n") - 1)
        return Problem(
            "F006", f"character {_named(error.character)} may not stand in YAML", where, "printable text"
        )
    mark = _mark(text, error) if isinstance(error, MarkedYAMLError) else None
    position = text.position(mark.line, mark.column) if mark else text.position(0, 0)
    if position.text[position.column - 1 : position.column] == "\t":
        return Problem(
            "Y007", "a tab cannot indent or separate", position, "spaces", "replace the tab by spaces"
        )
    said = getattr(error, "problem", None) or "it cannot be read"
    context = getattr(error, "context", None)
    return Problem("Y001", f"not YAML: {said}{f' {context}' if context else ''}", position, "YAML 1.2")


def _mark(text: Text, error: MarkedYAMLError) -> Any:
    """Where the mistake is: where the unfinished thing began, if the text ended before it did."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return None
    rest = [text.lines[mark.line][mark.column :], *text.lines[mark.line + 1 :]]
    return mark if any(line.strip() for line in rest) else error.context_mark or mark


def _named(character: int | str) -> str:
    return f"U+{character if isinstance(character, int) else ord(character):04X}"
