"""JSON that was cut off: what there is of it, closed where it ends."""

from __future__ import annotations

import re

# A string may be what was cut off.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[{}\[\],]', re.DOTALL)
_CLOSING = {"{": "}", "[": "]"}


def completed(text: str) -> str:
    """`text` without what was left unfinished at its end, and with every bracket closed.

    What is complete stays as it is; what is no JSON even so is for the parser to refuse.
    """
    open_brackets: list[str] = []
    safe, closing = 0, ""
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in _CLOSING:
            open_brackets.append(mark)
            safe = token.end()
        elif mark in ("}", "]"):
            if open_brackets:
                open_brackets.pop()
            safe = token.end()
        elif mark == ",":
            safe = token.start()
        else:
            continue
        closing = "".join(_CLOSING[bracket] for bracket in reversed(open_brackets))
    return text if not closing else text[:safe] + closing
