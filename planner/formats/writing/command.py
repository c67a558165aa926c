"""The command of a rank, which people write as they would for a shell, as words for a launcher."""

from __future__ import annotations

import re
from shlex import quote

_QUOTED = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\])*\"""")
_OPERATOR = re.compile(r"[;&|<>()]|^\s*\w+\+?=|(?:^|\s)#")
_EXPANSION = re.compile(r"[$`]")


def as_words(command: str, more: str = "") -> str:
    """`command` as words that can stand behind others in a line of shell.

    A launcher takes a program and its arguments. What only a shell understands, such as ``cd data &&
    python train.py``, ``LEVEL=1 python train.py`` or ``$RANK``, is given to a shell that each rank
    starts; without that, the launching shell would run parts of it, once.

    Parameters
    ----------
    more
        Further words for the end of the command, as the launching shell reads them.
    """
    if not needs_shell(command):
        return f"{command} {more}".rstrip()
    inner = f'{command} "$@"' if more else command
    return f"bash -c {quote(inner)} bash {more}" if more else f"bash -c {quote(inner)}"


def needs_shell(command: str) -> bool:
    """Whether a command is more than a program and its arguments."""
    outside = _QUOTED.sub("_", command)
    expanded = _QUOTED.sub(lambda found: found[0] if found[0].startswith('"') else "_", command)
    return bool(_OPERATOR.search(outside) or _EXPANSION.search(expanded))
