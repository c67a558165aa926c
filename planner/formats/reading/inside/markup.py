"""XML as a tree whose elements know their place; hostile documents are refused before they grow."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

from planner.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.errors import Position
    from planner.formats.site.site import Source

DEEPEST = 500
MOST_ELEMENTS = 1_000_000
# Foreign tools write this, but a text that is already decoded has no encoding any more.
_ENCODING = re.compile(r"\s+encoding\s*=\s*(\"[^\"]*\"|'[^']*')")


@dataclass
class Element:
    """An element, its attributes, and where it stands.

    Parameters
    ----------
    parent
        The element around it; None for the outermost.
    line, column
        Of its opening tag, counted from 1.
    """

    tag: str
    attributes: dict[str, str]
    line: int
    column: int
    parent: Element | None = field(default=None, repr=False)
    children: list[Element] = field(default_factory=list, repr=False)
    text: str = field(default="", repr=False)

    def walk(self) -> Iterator[Element]:
        """The element and all beneath it, in document order."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting.extend(reversed(element.children))

    def ancestors(self) -> list[Element]:
        """The elements around it, outermost first."""
        around: list[Element] = []
        element = self.parent
        while element is not None:
            around.append(element)
            element = element.parent
        return around[::-1]

    def whole(self, name: str) -> int | None:
        """The attribute called `name` as a whole number, or None where it is none."""
        try:
            return int(self.attributes.get(name, "")[:20], 0)
        except ValueError:
            return None

    def position(self, source: Source) -> Position:
        """Where it stands in `source`."""
        return source.position(self.line, self.column, len(self.tag) + 1)


def parse(source: Source, root: str) -> Element:
    """The outermost element of `source`, which must be called `root`.

    Raises
    ------
    InputError
        I061 where the text is not such a document, or one that declares entities of its own.
    """
    reader = _Reader(source)
    outermost = reader.read()
    if outermost.tag != root:
        raise InputError.of(
            "I061",
            f"outermost element is {outermost.tag[:60]!r}",
            expected=f"<{root}>",
            position=outermost.position(source),
        )
    return outermost


class _Reader:
    """Builds the tree while expat reads."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.count = 0
        self.outermost: Element | None = None
        self.open: list[Element] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.EntityDeclHandler = self.entity

    def read(self) -> Element:
        # The line break in place of what is cut keeps every later line where it was.
        head, end, rest = self.source.text.lstrip("\ufeff").partition("?>")
        text = (
            _ENCODING.sub("", head) + end + rest if head.lstrip().startswith("<?xml") else head + end + rest
        )
        final = True
        try:
            self.parser.Parse(text.encode("utf-8", "replace"), final)
        except expat.ExpatError as error:
            raise InputError.of(
                "I061",
                f"not XML, or cut short: {expat.ErrorString(error.code)}",
                expected="a whole XML document, as the program wrote it",
                position=self.source.position(error.lineno, error.offset + 1),
            ) from error
        assert self.outermost is not None
        return self.outermost

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        parent = self.open[-1] if self.open else None
        line, column = self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1
        element = Element(tag, attributes, line, column, parent)
        self.count += 1
        if len(self.open) >= DEEPEST or self.count > MOST_ELEMENTS:
            self.refuse(f"more than {DEEPEST} levels or {MOST_ELEMENTS:,} elements")
        if parent is None:
            self.outermost = element
        else:
            parent.children.append(element)
        self.open.append(element)

    def end(self, _tag: str) -> None:
        self.open.pop()

    def characters(self, text: str) -> None:
        self.open[-1].text += text

    def entity(self, *_: object) -> None:
        self.refuse("a document that declares entities of its own")

    def refuse(self, what: str) -> None:
        raise InputError.of(
            "I061",
            f"{what} is not read",
            expected="an XML document as hwloc or NCCL writes it",
            position=self.source.position(self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1),
        )
