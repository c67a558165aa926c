"""Plain data as the text of a file."""

from __future__ import annotations

import json

from ruamel.yaml import YAML

from planner.formats.writing.data import to_json, to_yaml

CONTENT = {"b": [1, 2.5, None], "a": {"long": "word " * 2000, "no": "no", "number": "017"}}


def test_both_read_back():
    """The same data comes back, text that looks like something else too."""
    assert json.loads(to_json(CONTENT)) == CONTENT
    assert YAML(typ="safe").load(to_yaml(CONTENT)) == CONTENT


def test_keys_keep_their_order_and_lines_are_whole():
    """A long text stays on its line, and the file ends with one."""
    lines = to_yaml(CONTENT).decode().splitlines()
    keys = [line.strip().split(":")[0] for line in lines if ":" in line]
    assert keys == ["b", "a", "long", "no", "number"]
    assert to_json({}) == b"{}\n"
