"""An authored document: plain data, and the position of every key and value."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.errors import InputError, Position
from planner.library import Kind, find, unreadable
from planner.source.nodes import MappingNode, Node, ScalarNode, SequenceNode, to_data

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

LARGEST_BYTES = 1024 * 1024
MOST_INCLUDES = 20
APPENDED = ("down", "spare", "degraded")


@dataclass(frozen=True, eq=False)
class Document:
    """What a file says, its includes folded in.

    Parameters
    ----------
    path
        The file.
    root
        Its nodes.
    digest
        SHA-256 of the bytes of the file and of all it includes.
    """

    path: Path
    root: MappingNode
    digest: str

    @cached_property
    def data(self) -> dict[str, Any]:
        """Plain dicts, lists and scalars."""
        data: dict[str, Any] = to_data(self.root)
        return data

    def position(self, path: Sequence[str | int] = (), *, key: bool = False) -> Position:
        """Where the value at `path` stands, or with `key` its key.

        A path that leads nowhere gives the position of the last part of it that is there.
        """
        node: Node = self.root
        name: Node = self.root
        for part in path:
            if isinstance(node, MappingNode) and part in node.items:
                name, node = node.keys[str(part)], node.items[str(part)]
            elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.items):
                name = node = node.items[part]
        return (name if key else node).position()

    def quoted(self, path: Sequence[str | int]) -> str | None:
        """How to write the number at `path` where a text is wanted; None for what is no number."""
        node = self._node(path)
        number = isinstance(node, ScalarNode) and type(node.value) in (int, float)
        return f'"{node.content}", in quotes' if number and isinstance(node, ScalarNode) else None

    def has(self, path: Sequence[str | int]) -> bool:
        """Whether there is a value at `path`."""
        return self._node(path) is not None

    def _node(self, path: Sequence[str | int]) -> Node | None:
        """What is at `path`."""
        node: Node = self.root
        for part in path:
            if isinstance(node, MappingNode) and part in node.items:
                node = node.items[str(part)]
            elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.items):
                node = node.items[part]
            else:
                return None
        return node


def read_document(path_or_name: str | os.PathLike[str], kind: Kind) -> Document:
    """Read an authored file by path or shipped name.

    ``include:`` names a file of the same kind, beside the including one or shipped. Its mapping is
    the base: the keys of the including file replace those of the base, but for the lists ``down``,
    ``spare`` and ``degraded``, which are put after the base's.

    Raises
    ------
    InputError
        With a code, and a position wherever there is one, for anything that is not such a file.
    """
    try:
        return _read(find(kind, path_or_name), kind, ())
    except OSError as error:
        # Such as a relative path where the working folder has been deleted.
        raise unreadable(path_or_name, error) from error


def parse_document(content: str, name: str = "<text>") -> Document:
    """A document from text that lies in no file of its own; `name` is what positions say.

    Raises
    ------
    InputError
        As `read_document`; ``include`` is left alone.
    """
    digest = hashlib.sha256(content.encode()).hexdigest()
    return Document(Path(name), _mapping(_composed(content, name)), digest)


def _read(path: Path, kind: Kind, chain: tuple[Path, ...]) -> Document:
    raw = _bytes(path)
    shown = _shown(path)
    root = _mapping(_composed(_decode(raw, shown), shown))
    digest = hashlib.sha256(raw)
    asked = root.items.get("include")
    if asked is None:
        return Document(path, root, digest.hexdigest())
    base = _included(asked, path, kind, (*chain, path.resolve()))
    digest.update(base.digest.encode())
    return Document(path, _merged(base.root, root), digest.hexdigest())


def _composed(content: str, shown: str) -> Node:
    """The tree of some text."""
    # The parser takes long to load, and plain data needs none.
    from planner.source.compose import compose

    return compose(content, shown)


def _included(asked: Node, path: Path, kind: Kind, chain: tuple[Path, ...]) -> Document:
    """The base document that `asked` names."""
    if not isinstance(asked, ScalarNode) or not isinstance(asked.value, str):
        raise InputError.of(
            "V003", "include is not a name", expected="a path or a shipped name", position=asked.position()
        )
    try:
        base = find(kind, asked.value, beside=path.parent)
    except InputError as error:
        raise InputError(error.problems[0].at(asked.position())) from None
    if base.resolve() in chain:
        circle = " -> ".join(_shown(file) for file in (*chain, base.resolve()))
        raise InputError.of(
            "Y011",
            f"files include each other in a circle: {circle}",
            expected="an include that ends",
            position=asked.position(),
        )
    if len(chain) > MOST_INCLUDES:
        raise InputError.of(
            "Y014", f"more than {MOST_INCLUDES} files included", expected="fewer", position=asked.position()
        )
    try:
        return _read(base, kind, chain)
    except InputError as error:
        raise InputError(*(problem.at(asked.position()) for problem in error.problems)) from None


def _merged(base: MappingNode, own: MappingNode) -> MappingNode:
    """`own` over `base`."""
    merged = MappingNode(own.text, own.line, own.column)
    for mapping in (base, own):
        for name, node in mapping.items.items():
            if name == "include":
                continue
            before = merged.items.get(name) if name in APPENDED else None
            merged.items[name], merged.keys[name] = _appended(before, node), mapping.keys[name]
    return merged


def _appended(before: Node | None, node: Node) -> Node:
    """`node` after what `before` holds, where both are lists."""
    if isinstance(before, SequenceNode) and isinstance(node, SequenceNode):
        return SequenceNode(node.text, node.line, node.column, items=[*before.items, *node.items])
    return node


def _mapping(root: Node) -> MappingNode:
    if isinstance(root, MappingNode):
        return root
    raise InputError.of(
        "Y012", "the document is not a mapping", expected="key: value lines", position=root.position()
    )


def _bytes(path: Path) -> bytes:
    """The bytes of the file, no more of them than may be."""
    try:
        if path.is_dir():
            raise InputError.of("F002", f"{path} is a folder", expected="a YAML file")
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(raw) > LARGEST_BYTES:
        raise InputError.of(
            "F003",
            f"{path} is larger than {LARGEST_BYTES:,} bytes",
            expected="name ranges instead of one row a node",
        )
    if not raw.strip():
        start = Position(_shown(path), 1, 1)
        raise InputError.of("F005", f"{path} is empty", expected="a YAML mapping", position=start)
    return raw


def _decode(raw: bytes, file: str) -> str:
    """UTF-8 text, a byte order mark taken off."""
    for mark in (b"\xff\xfe", b"\xfe\xff"):
        if raw.startswith(mark):
            start = Position(file, 1, 1)
            raise InputError.of("F007", f"{file} is UTF-16 text", expected="UTF-8 text", position=start)
    if b"\0" in raw:
        raise InputError.of(
            "F006",
            "a byte 0: this is a binary file",
            expected="YAML text",
            position=_byte_position(raw, raw.index(b"\0"), file),
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError.of(
            "F007",
            f"byte 0x{raw[error.start]:02x} is not UTF-8",
            expected="UTF-8 text",
            position=_byte_position(raw, error.start, file),
        ) from error


def _byte_position(raw: bytes, offset: int, file: str) -> Position:
    """Position of the byte at `offset`, the line decoded as far as it can be."""
    before = re.split(rb"\r\n|\r|\n", raw[:offset])
    rest = re.split(rb"\r\n|\r|\n", raw[offset : offset + 200], maxsplit=1)[0]
    start = before[-1].decode("utf-8", "replace")
    return Position(file, len(before), len(start) + 1, 1, start + rest.decode("utf-8", "replace"))


def _shown(path: Path) -> str:
    """`path` as people call it: relative where it lies below the working folder."""
    try:
        return str(path.resolve().relative_to(Path.cwd().resolve())) if path.is_absolute() else str(path)
    except (ValueError, OSError):
        # It lies elsewhere, or the working folder has been deleted.
        return str(path)
