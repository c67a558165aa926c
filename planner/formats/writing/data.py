"""Plain data as the text of a file, the same bytes for the same data."""

from __future__ import annotations

import io
import json
from typing import Any

# Lines are never broken: what people copy out of them stays in one piece.
WIDEST = 10**6


def to_json(content: object) -> bytes:
    """`content` as JSON in lines."""
    return (json.dumps(content, indent=2) + "\n").encode()


def to_yaml(content: dict[str, Any]) -> bytes:
    """`content` as YAML, its keys in their own order."""
    from ruamel.yaml import YAML

    yaml, out = YAML(), io.BytesIO()
    yaml.width = WIDEST
    yaml.dump(content, out)
    return out.getvalue()
