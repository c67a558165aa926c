"""JSON and YAML of others, read leniently into plain data.

What is JSON is read by the JSON parser, which takes files of any size in a moment; the rest as YAML,
of which a file may hold several documents. Neither knows places of values: these are looked for in
the text when they are wanted.
"""

from __future__ import annotations

import json
import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from planner.errors import InputError

if TYPE_CHECKING:
    from planner.errors import Position
    from planner.formats.site.site import Source

# YAML is read a thousand times slower than JSON.
LARGEST_YAML = 4 * 1024 * 1024
# Characters looked through for places of words, one search after another.
MOST_SEARCHED = 200_000_000


def documents(source: Source) -> list[Any]:
    """All documents of a text, as plain data.

    Raises
    ------
    InputError
        I019 where it is neither JSON nor YAML.
    """
    found = _documents(source)
    if isinstance(found, InputError):
        raise found
    return found


def recognised_documents(source: Source) -> list[Any]:
    """All documents, or none where the text is neither JSON nor YAML."""
    found = _documents(source)
    return [] if isinstance(found, InputError) else found


@lru_cache(maxsize=4)
def _documents(source: Source) -> list[Any] | InputError:
    """The documents, or why there are none; kept, since every format asks when one is recognised."""
    start = source.text.lstrip()[:1]
    if start in ("{", "["):
        try:
            return _json(source.text)
        except json.JSONDecodeError as error:
            reason = f"not JSON: {error.msg}"
            place = source.position(error.lineno, error.colno)
        except (RecursionError, ValueError) as error:
            # Too deep, or a number of too many digits.
            return _unreadable(f"not JSON: {str(error) or 'nested too deeply'}", source.position(1))
        try:
            return _yaml(source)
        except InputError:
            return _unreadable(reason, place)
    try:
        return _yaml(source)
    except InputError as error:
        return error


def _json(text: str) -> list[Any]:
    """One document after another, as some tools print them."""
    decoder, found, place = json.JSONDecoder(), [], 0
    text = text.strip()
    while place < len(text):
        value, place = decoder.raw_decode(text, place)
        found.append(value)
        place += len(text[place : place + 4096]) - len(text[place : place + 4096].lstrip())
    return found


def _yaml(source: Source) -> list[Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    if len(source.text) > LARGEST_YAML:
        raise _unreadable(f"more than {LARGEST_YAML:,} characters of YAML", source.position(1))
    if re.search(r"(?m)(^|[\s,\[{])[*][A-Za-z0-9_]", source.text):
        raise _unreadable("aliases, which may expand without end", source.position(1))
    yaml = YAML(typ="safe", pure=True)
    yaml.allow_duplicate_keys = True
    try:
        return [document for document in yaml.load_all(source.text) if document is not None]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = source.position(mark.line + 1, mark.column + 1) if mark else source.position(1)
        raise _unreadable(f"not YAML: {error.problem or 'it cannot be read'}", place) from error
    except (YAMLError, RecursionError, ValueError, TypeError, AttributeError, LookupError) as error:
        # Its constructors let odd dates, keys and numbers through as errors of Python.
        raise _unreadable("not YAML that can be read", source.position(1)) from error


def _unreadable(reason: str, position: Position) -> InputError:
    return InputError.of("I019", reason, expected="JSON or YAML", position=position)


class Places:
    """Finds where things are named, in one pass over each text when the first is asked for.

    Parameters
    ----------
    sources
        What is looked through, in this order.
    keys
        Keys that things have their names under.
    """

    def __init__(self, *sources: Source, keys: tuple[str, ...] = ("name", "id")) -> None:
        self.sources = sources
        self.keys = keys
        self._left = MOST_SEARCHED

    def of(self, name: str | None) -> Position | None:
        """The first place of a name as a value of one of the keys, else of the word wherever it stands."""
        if not name:
            return None
        found = self._found.get(name) or self._searched(name)
        return found[0].position(found[1], found[2], len(name)) if found else None

    def _searched(self, name: str) -> tuple[Source, int, int] | None:
        """Source, line and column of a word, as long as not too much has been searched for others."""
        word_alone = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])")
        for source in self.sources:
            text = source.text
            if self._left < len(text):
                return None
            self._left -= len(text)
            for match in word_alone.finditer(text):
                start = match.start()
                line_start = text.rfind("\n", 0, start) + 1
                # A drawing of the cluster in a comment is not where a node is listed.
                if not text[line_start:start].lstrip().startswith("#"):
                    return source, text.count("\n", 0, start) + 1, start - line_start + 1
        return None

    @cached_property
    def _found(self) -> dict[str, tuple[Source, int, int]]:
        """Source, line and column of each name."""
        keys = "|".join(map(re.escape, self.keys))
        pattern = re.compile(rf"""(?<![\w.-])["']?(?:{keys})["']?[ ]*:[ ]*["']?([^\s"',}}\]]+)""")
        found: dict[str, tuple[Source, int, int]] = {}
        for source in self.sources:
            text, line, start = source.text, 1, 0
            for match in pattern.finditer(text):
                line += text.count("\n", start, match.start(1))
                start = match.start(1)
                found.setdefault(match[1], (source, line, start - text.rfind("\n", 0, start)))
        return found


def mapping(value: object) -> dict[str, Any]:
    """`value` where it is a mapping, its keys as text; else an empty one, as for what is absent."""
    if not isinstance(value, dict):
        return {}
    return value if all(isinstance(key, str) for key in value) else {str(k): v for k, v in value.items()}


def sequence(value: object) -> list[Any]:
    """`value` where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def word(value: object) -> str | None:
    """`value` as a name: text as it is, numbers as they are written; None for all else, and for none."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value).strip() or None
